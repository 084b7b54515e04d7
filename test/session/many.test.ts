import { afterAll, beforeAll, expect, it } from "vitest";
import { startChild } from "../embedded/child.ts";
import { eventually } from "../support/eventually.ts";
import { processesUnder } from "../support/processes.ts";
import { first, type Lease, localLease, output, ran, sh } from "./local-lease.ts";
import { untilThere } from "../support/shell.ts";

let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

it("a hundred at once", async () => {
  const results = await Promise.all(Array.from({ length: 100 }, (_, i) => ran(lease, sh(`echo ${i}; sleep 0.5; exit ${i}`))));
  expect(results.map((r) => r.stdout.toString())).toEqual(results.map((_, i) => `${i}\n`));
  expect(results.map((r) => r.status)).toEqual(results.map((_, code) => expect.objectContaining({ exit: { kind: "exited", code } })));
});

it("I6 I13: the worker is killed: its follower goes, the command does not, and another worker reads on", async () => {
  const place = lease.place();
  const directory = lease.session.places.control.replace(/\/control$/, "");
  const worker = startChild(`
    import { hostSession } from "./dist/src/drivers/host-directory/session.js";
    import { executionPlace } from "./dist/src/session/place.js";
    const place = executionPlace(hostSession(${JSON.stringify(directory)}), ${JSON.stringify(place.id)});
    await place.start(${JSON.stringify(first)}, { ...${JSON.stringify(sh(`echo one; ${untilThere("../tmp/go")}; echo two; exit 8`))}, stdin: new Uint8Array() });
    const follow = await place.follow(${JSON.stringify(first)}, { stdout: 0, stderr: 0 });
    follow.stderr.resume();
    follow.stdout.on("data", (text) => console.log(JSON.stringify(text.toString())));
  `);
  expect(await worker.next()).toBe("one\n");
  const followers = () => processesUnder(directory).filter((p) => p.command.startsWith("tail "));
  expect(followers()).toHaveLength(2);
  worker.kill();
  await worker.ended;
  await eventually(() => expect(followers()).toEqual([]), { timeoutMs: 20_000 });
  expect(await place.status()).toEqual({ kind: "running" });
  const next = { fence: 1, offer: 2 };
  const rest = output(place, { stdout: 4, stderr: 0 }, next);
  await lease.session.open(["touch", `${lease.session.places.tmp}/go`]);
  expect((await rest).stdout.toString()).toBe("two\n");
  expect(await place.status()).toMatchObject({ exit: { kind: "exited", code: 8 } });
});
