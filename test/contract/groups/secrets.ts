import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";
import { first, spoken } from "../lease.ts";
import { processes } from "../../support/processes.ts";
import { readFileSync } from "node:fs";

/** Where a value must not be seen that a command gets in its variables and its standard input. */
export function secrets(bench: Bench): void {
  describe("secrets", () => {
    it("I11: a value is in no process's arguments, no file of ours, no message, no log line, no handle", async () => {
      const canary = `canary-${randomBytes(16).toString("hex")}`;
      const key = bench.key();
      const acquired = await bench.acquire(key);
      const lease = await bench.lease();
      const env = { ...lease.session.env, TOKEN: canary };
      const stdin = Buffer.from(`${canary}\n`);
      const execution = lease.execution();

      const watch = watchArguments(canary);
      await execution.start(first, lease.sh("read -r told; echo ready; exec sleep 1000", { env, stdin }));
      await spoken(execution);
      expect(await watch.end()).toEqual([]);
      expect(await lease.look(["ps", "-eww", "-o", "args"])).toContain("ps -eww");
      expect(await lease.look(["ps", "-eww", "-o", "args"])).not.toContain(canary);
      // The canary goes through standard input here too.
      expect(await lease.look(["grep", "-rlF", "-D", "skip", "-f", "-", lease.session.places.control], canary)).toBe("");
      // That the look would have found it.
      await lease.ran(lease.sh('printf %s "$TOKEN"', { env }));
      expect(await lease.look(["grep", "-rlF", "-D", "skip", "-f", "-", lease.session.places.control], canary)).toMatch(/^\S+\n$/);

      const stale = { fence: 0, offer: 0 };
      const failures = await Promise.allSettled([
        lease.execution().start(first, lease.sh("true", { env: { ...env, "A-B": canary } })),
        lease.execution().start(first, lease.sh("true", { env: { ...env, B: `${canary}\0` } })),
        lease.execution().start(stale, lease.sh("true", { env, stdin })),
        execution.kill(stale, 100),
      ]);
      for (const failure of failures) expect(inspect(failure.status === "rejected" ? failure.reason : "", { depth: 10 })).not.toContain(canary);
      expect(failures.filter((failure) => failure.status === "rejected").length).toBe(4);
      const spawnFailed = await lease.ran(lease.command(["no-such-program"], { env, stdin }));
      expect(spawnFailed.status.kind).toBe("spawn_failed");
      expect(JSON.stringify([spawnFailed.status, acquired, lease.handle, bench.logged])).not.toContain(canary);
      await execution.kill(first, 1000);
    });
  });
}

/** Looks at the arguments of all of this machine's processes, over and over. */
function watchArguments(canary: string) {
  const found = new Set<string>();
  let over = false;
  const look = (async () => {
    while (!over) {
      for (const { pid, command } of processes((p) => argumentsOf(p).includes(canary))) found.add(`${pid} ${command}`);
      await setImmediate();
    }
  })();
  return {
    async end(): Promise<readonly string[]> {
      over = true;
      await look;
      return [...found];
    },
  };
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}
