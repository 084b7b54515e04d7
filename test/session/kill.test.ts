import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { alive, processesOf } from "../support/processes.ts";
import { first, type Lease, localLease, output, recorded, sh, spoken } from "./local-lease.ts";

let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

/** In the background, in its own session, a daemon twice removed, and in the foreground. Says so when all are there. */
const tree = `
sleep 1001 &
setsid sleep 1002 &
(setsid sh -c 'sleep 1003 & exit' &)
sleep 0.05
echo ready
exec sleep 1004`;

/** What makes a process of several threads here; a smaller perl has none. */
const perlHasThreads = spawnSync("perl", ["-Mthreads", "-e", "1"]).status === 0;

describe("I9: kill means gone", () => {
  it.runIf(perlHasThreads).each(["", "setsid "])("I9: one whose first thread has ended looks like a zombie, and its others go on: %sin the background", async (own) => {
    const place = lease.place();
    const exit = { x64: 60, arm64: 93 }[process.arch as string] ?? expect.fail("the number of the system call exit is not known here");
    const threads = `${own}perl -Mthreads -e 'threads->create(sub { sleep 1000 })->detach; syscall(${exit}, 0)' &`;
    await place.start(first, sh(`${threads} echo $!; exec sleep 1000`));
    const pid = Number(await spoken(place.directory));
    const threadsOf = (): string => (existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "");
    await eventually(() => expect(threadsOf()).toMatch(/^State:\tZ[^]*^Threads:\t[2-9]/m));
    expect(await place.kill(first, 200)).toBe("swept");
    expect(threadsOf()).not.toMatch(/^Threads:\t[2-9]/m);
  });

  it("I9: the supervisor is killed: orphaned, the command goes on, and can still be ended", async () => {
    const place = lease.place();
    await place.start(first, sh(tree));
    await spoken(place.directory);
    process.kill(recorded(place.directory, "supervisor"), "SIGKILL");
    await eventually(async () => expect(await place.status()).toEqual({ kind: "orphaned", sameBoot: true, sizes: { stdout: 6, stderr: 0 } }));
    expect(alive(recorded(place.directory, "pid"))).toBe(true);
    expect((await output(place)).stdout.toString()).toBe("ready\n");
    expect(await place.kill(first, 1000)).toBe("swept");
    expect(processesOf(place.id)).toEqual([]);
    expect((await place.status()).kind).toBe("orphaned");
  });
});

describe("what the command leaves running", () => {
  it("I7: daemons that keep the pipes open do not keep the end away", async () => {
    const place = lease.place();
    await place.start(first, sh("(setsid sleep 100 &) ; setsid sleep 100 & echo done"));
    expect((await output(place)).stdout.toString()).toBe("done\n");
    expect(await place.status()).toMatchObject({ exit: { code: 0 }, dropped: { stdout: 0, stderr: 0 } });
    expect(processesOf(place.id)).toEqual([]);
  });
});

describe("the watchdog", () => {
  it("waits as long as somebody beats", async () => {
    const place = lease.place();
    await place.start(first, sh("sleep 5; echo through", { watchdogMs: 3000 }));
    const beats = setInterval(() => void place.beat(first).catch(() => {}), 100);
    try {
      expect((await output(place)).stdout.toString()).toBe("through\n");
    } finally {
      clearInterval(beats);
    }
    expect(await place.status()).toMatchObject({ exit: { kind: "exited", code: 0 }, killed: false });
  });

  it("I9: ends what a killed supervisor left, too", async () => {
    const place = lease.place();
    await place.start(first, sh("echo ready; sleep 100", { watchdogMs: 1200 }));
    await spoken(place.directory);
    process.kill(recorded(place.directory, "supervisor"), "SIGKILL");
    await eventually(() => expect(processesOf(place.id)).toEqual([]));
    expect((await place.status()).kind).toBe("orphaned");
    expect(readFileSync(join(place.directory, "out"), "utf8")).toBe("ready\n");
  });
});
