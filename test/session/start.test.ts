import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RawProcess, Session } from "../../src/session/session.ts";
import { eventually } from "../support/eventually.ts";
import { alive } from "../support/processes.ts";
import { command, first, type Lease, localLease, output, recorded, sh, spoken } from "./local-lease.ts";

let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

const count = <T>(list: readonly T[], value: T): number => list.filter((x) => x === value).length;

describe("I6: an execution starts at most once", () => {
  it("I6: twenty starts at once", async () => {
    const place = lease.place();
    const spec = sh(`echo ran >>../tmp/${place.id}`);
    const answers = await Promise.all(Array.from({ length: 20 }, () => place.start(first, spec)));
    expect([count(answers, "started"), count(answers, "exists")]).toEqual([1, 19]);
    await output(place);
    expect(readFileSync(join(lease.session.places.tmp, place.id), "utf8")).toBe("ran\n");
    expect(readdirSync(join(lease.session.places.control, "x")).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

describe("I5: an old fence or offer is refused", () => {
  it("I5: following with a higher offer ends the followers of lower ones", async () => {
    const place = lease.place();
    await place.start(first, sh("echo a; sleep 100"));
    await spoken(place.directory);
    const older = await place.follow(first, { stdout: 0, stderr: 0 });
    older.stdout.resume();
    older.stderr.resume();
    const newer = await place.follow({ fence: 1, offer: 2 }, { stdout: 0, stderr: 0 });
    await older.done;
    expect(await place.status()).toEqual({ kind: "running" });
    newer.detach();
    await newer.done;
    expect(await place.kill({ fence: 1, offer: 2 }, 100)).toBe("swept");
  });
});

describe("I6: whoever dies while starting", () => {
  /** The lease's session with some programs replaced for the helpers: a way to die at a chosen step. */
  function withTools(tools: Readonly<Record<string, string>>): Session {
    const folder = join(lease.root, `tools-${Object.keys(tools).join("-")}`);
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(tools)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    return {
      ...lease.session,
      async open([program = "", ...args]): Promise<RawProcess> {
        const child = spawn(program, args, { env: { PATH: `${folder}:/usr/bin:/bin` }, detached: true, stdio: ["pipe", "pipe", "pipe"] });
        const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
        return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit, end: () => void child.kill() };
      },
    };
  }

  it("I6: before the directory has its name: nothing happened, it can be started", async () => {
    const place = lease.place();
    const dying = lease.place(place.id, withTools({ mv: "kill -KILL $PPID" }));
    await expect(dying.start(first, sh("true", { env: { SECRET: "s" } }))).rejects.toMatchObject({ kind: "transient" });
    expect(await place.status()).toEqual({ kind: "absent" });
    expect(await place.start(first, sh("exit 4"))).toBe("started");
    await output(place);
    expect(await place.status()).toMatchObject({ exit: { code: 4 } });
    // What it had put aside holds no values any more.
    for (const name of readdirSync(join(lease.session.places.control, "x")).filter((n) => n.startsWith("."))) {
      const left = join(lease.session.places.control, "x", name);
      expect(readdirSync(left)).not.toContain("spec");
      rmSync(left, { recursive: true });
    }
  });

  it("I6: after that, before the supervisor: never started, and never will be", async () => {
    const dying = lease.place(undefined, withTools({ setsid: "kill -KILL $$" }));
    await expect(dying.start(first, sh("true"))).rejects.toMatchObject({ kind: "transient" });
    const place = lease.place(dying.id);
    expect(await place.status()).toEqual({ kind: "orphaned", sameBoot: true, sizes: { stdout: 0, stderr: 0 } });
    expect(await place.start(first, sh("true"))).toBe("exists");
    expect(await place.kill(first, 100)).toBe("swept");
    expect((await output(place)).stdout.length).toBe(0);
  });

  it("I6: right after the supervisor: the command goes on", async () => {
    const dying = lease.place(undefined, withTools({ setsid: 'case $2 in --wait) exec /usr/bin/setsid "$@" ;; esac\n/usr/bin/setsid "$@"\nkill -KILL $$' }));
    await expect(dying.start(first, sh("echo alive; exit 9"))).rejects.toMatchObject({ kind: "transient" });
    const place = lease.place(dying.id);
    expect(await place.start(first, sh("echo twice"))).toBe("exists");
    expect((await output(place)).stdout.toString()).toBe("alive\n");
    expect(await place.status()).toMatchObject({ exit: { kind: "exited", code: 9 } });
  });

  it("I6: a standard input that is cut off starts nothing", async () => {
    const cut: Session = {
      ...lease.session,
      async open(argv) {
        const process = await lease.session.open(argv);
        process.stdin.write = () => true;
        return process;
      },
    };
    const place = lease.place(undefined, cut);
    await expect(place.start(first, command(["true"]))).rejects.toMatchObject({ kind: "transient" });
    expect(await place.status()).toEqual({ kind: "absent" });
  });

  it("I8: the tool that waits for the command is killed: no status rather than a wrong one", async () => {
    const place = lease.place();
    await place.start(first, sh("echo $PPID; sleep 100"));
    const waiter = Number(await spoken(place.directory));
    process.kill(waiter, "SIGKILL");
    await eventually(async () => expect((await place.status()).kind).toBe("orphaned"));
    await eventually(() => expect(alive(recorded(place.directory, "pid"))).toBe(false));
  });
});
