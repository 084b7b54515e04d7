// Works at the fake provider until it is killed: `node fake-child.mjs <root> <installation> <what>`. Says over IPC what it has done.
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { fakeDriver } from "../../dist/src/drivers/fake/driver.js";

const [root, installation, what] = process.argv.slice(2);
const driver = fakeDriver({ root, installation, path: "/usr/bin:/bin" });
const labels = { installation, company: "acme", run: null };
const context = (fence) => ({ signal: new AbortController().signal, log: pino({ level: "silent" }), fence, reveal: async (value) => value });
const acquire = (key, config = {}) => driver.acquire(context(1), { key, config: { provider: "fake", ...config }, labels, expiresAt: new Date() });

if (what === "churn") {
  // Acquires and releases as fast as it can: wherever it is killed, it is in the middle of something.
  for (;;) {
    const key = randomUUID();
    process.send({ key });
    const { handle } = await acquire(key, { commands: Math.random() < 0.7 ? "instant" : "real" });
    if (Math.random() < 0.5) await driver.release(context(1), { key, handle });
  }
}
if (what === "hang") {
  const key = randomUUID();
  const config = { commands: "instant", faults: [{ verb: "list", call: 2, fault: "hang" }, { verb: "list", call: 4, fault: "fail", kind: "busy" }] };
  // Made, and hanging in the look after it.
  process.send({ key, config });
  await acquire(key, config);
}
if (what === "race") {
  process.once("message", ({ key }) => {
    void acquire(key, { commands: "instant" }).then(({ providerLeaseId }) => process.send({ key, providerLeaseId }));
  });
  process.send({});
}
