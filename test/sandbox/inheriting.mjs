// A process that opens a driver and runs one command in a lease of it: `node inheriting.mjs <task as JSON>`. Prints what
// the command printed. For a parent that leaves descriptors open in it.
import { randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { pino } from "pino";

const { opening, config, script } = JSON.parse(process.argv[2] ?? "{}");
const { executionPlace } = await import("../../dist/src/session/place.js");
const driver = await (await import(pathToFileURL(resolve(opening.module)).href))[opening.export](opening.argument);
const context = (fence) => ({ signal: new AbortController().signal, log: pino({ level: "silent" }), fence, reveal: async (value) => value });
const key = randomUUID();
const labels = { installation: opening.argument.installation, company: "acme", run: null };
const { handle } = await driver.acquire(context(1), { key, config, labels, expiresAt: new Date(Date.now() + 60_000) });
try {
  const session = await driver.session(context(1), { key, handle });
  const place = executionPlace(session, randomUUID());
  const caller = { fence: 1, offer: 1 };
  await place.start(caller, { argv: ["sh", "-c", script], cwd: ".", env: session.env, stdin: new Uint8Array(), outputLimit: 1_000_000, watchdogMs: 60_000, leftoverGraceMs: 200 });
  const follow = await place.follow(caller, { stdout: 0, stderr: 0 });
  follow.stderr.resume();
  for await (const chunk of follow.stdout) process.stdout.write(chunk);
  await follow.done;
} finally {
  await driver.release(context(2), { key, handle });
}
