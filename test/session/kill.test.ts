import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { alive, processesOf } from "../support/processes.ts";
import { command, first, type Lease, localLease, output, recorded, sh, spoken } from "./local-lease.ts";

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

describe("I9: kill means gone", () => {
  it("I9: a tree with a background child, a session of its own and a daemon", async () => {
    const place = lease.place();
    await place.start(first, sh(tree));
    await spoken(place.directory);
    await eventually(() => expect(processesOf(place.id).filter((p) => /^sleep 100\d/.test(p.command))).toHaveLength(4));
    expect(await place.kill(first, 2000)).toBe("swept");
    expect(processesOf(place.id)).toEqual([]);
    expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled", signal: "SIGTERM" }, killed: true });
    expect(await place.kill(first, 2000)).toBe("swept");
    expect((await output(place)).stdout.toString()).toBe("ready\n");
  });

  it("I9: one that ignores TERM gets KILL after the grace", async () => {
    const place = lease.place();
    await place.start(first, sh("trap '' TERM; echo ready; while :; do sleep 0.2; done"));
    await spoken(place.directory);
    const before = performance.now();
    expect(await place.kill(first, 300)).toBe("swept");
    expect(performance.now() - before).toBeGreaterThan(290);
    expect(processesOf(place.id)).toEqual([]);
    expect(await place.status()).toMatchObject({ exit: { kind: "signalled", signal: "SIGKILL" }, killed: true });
  });

  it("I8: one that ends by itself on TERM keeps its exit code, and output up to there", async () => {
    const place = lease.place();
    await place.start(first, sh("trap 'echo bye; exit 12' TERM; echo ready; while :; do sleep 0.01; done"));
    await spoken(place.directory);
    expect(await place.kill(first, 5000)).toBe("swept");
    expect(await place.status()).toMatchObject({ exit: { kind: "exited", code: 12 }, killed: true });
    expect((await output(place)).stdout.toString()).toBe("ready\nbye\n");
  });

  it("I9: children get the grace too, when the first process goes at once", async () => {
    const place = lease.place();
    // TERM reaches it once; its own sleep, ended by the same TERM, tells it apart from a second one.
    await place.start(first, sh(`sh -c 'trap "echo term; sleep 0.4; echo saved; exit" TERM; echo ready; while :; do sleep 0.01; done' & exec sleep 100`, { leftoverGraceMs: 10 }));
    await spoken(place.directory);
    expect(await place.kill(first, 5000)).toBe("swept");
    expect((await output(place)).stdout.toString()).toBe("ready\nterm\nsaved\n");
  });

  it("I9: at every moment of the start", async () => {
    for (let i = 0; i < 8; i++) {
      const place = lease.place();
      await place.start(first, command(["sleep", "100"]));
      if (i > 3) await place.status();
      expect(await place.kill(first, 1000)).toBe("swept");
      expect(processesOf(place.id)).toEqual([]);
      expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled" }, killed: true });
    }
  });

  it.each(["", "setsid "])("I9: one whose first thread has ended looks like a zombie, and its others go on: %sin the background", async (own) => {
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

  it("killing what ended by itself changes nothing", async () => {
    const place = lease.place();
    await place.start(first, sh("exit 6"));
    await output(place);
    expect(await place.kill(first, 100)).toBe("swept");
    expect(await place.status()).toMatchObject({ exit: { kind: "exited", code: 6 }, killed: false });
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
  it("I9: gets TERM, then KILL, and all it said is there", async () => {
    const place = lease.place();
    await place.start(first, sh(`setsid sh -c 'trap "echo told; exit" TERM; echo up; while :; do sleep 0.01; done' & sh -c 'trap "" TERM; sleep 100' & sleep 0.1; exit 4`));
    const { stdout } = await output(place);
    expect(stdout.toString()).toBe("up\ntold\n");
    expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 4 }, dropped: { stdout: 0, stderr: 0 }, killed: false });
    expect(processesOf(place.id)).toEqual([]);
  });

  it("I7: daemons that keep the pipes open do not keep the end away", async () => {
    const place = lease.place();
    await place.start(first, sh("(setsid sleep 100 &) ; setsid sleep 100 & echo done"));
    expect((await output(place)).stdout.toString()).toBe("done\n");
    expect(await place.status()).toMatchObject({ exit: { code: 0 }, dropped: { stdout: 0, stderr: 0 } });
    expect(processesOf(place.id)).toEqual([]);
  });
});

describe("the watchdog", () => {
  it("I9: ends the processes when nobody beats, and the status says so", async () => {
    const place = lease.place();
    await place.start(first, sh(tree, { watchdogMs: 400 }));
    await output(place);
    expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled" }, killed: true });
    expect(processesOf(place.id)).toEqual([]);
  });

  it("waits as long as somebody beats", async () => {
    const place = lease.place();
    await place.start(first, sh("sleep 1; echo through", { watchdogMs: 500 }));
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
