import { beforeAll, describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";
import { first, type Lease, output, spoken } from "../lease.ts";

/** That an execution starts at most once, and who may have a say in it. */
export function starting(bench: Bench): void {
  describe("commands: at most once", () => {
    let lease: Lease;
    beforeAll(async () => {
      lease = await bench.lease();
    });

    it("I6: twenty starts of one id at once run it once", async () => {
      const execution = lease.execution();
      const answers = await Promise.all(Array.from({ length: 20 }, () => execution.start(first, lease.sh("echo ran >>count"))));
      expect(answers.toSorted()).toEqual([...Array.from({ length: 19 }, () => "exists"), "started"]);
      await output(execution);
      expect((await lease.ran(lease.sh("cat count"))).stdout.toString()).toBe("ran\n");
    });

    it("I6: again later, after it ended too, by a later offer too", async () => {
      const execution = lease.execution();
      expect(await execution.start(first, lease.sh("echo once"))).toBe("started");
      expect(await execution.start(first, lease.sh("echo twice"))).toBe("exists");
      await output(execution);
      const later = { fence: 1, offer: 2 };
      expect(await execution.start(later, lease.sh("echo thrice"))).toBe("exists");
      expect((await output(execution, undefined, later)).stdout.toString()).toBe("once\n");
    });

    it("I6: one that is planted never starts", async () => {
      const execution = lease.execution();
      expect(await execution.status()).toEqual({ kind: "absent" });
      expect([await execution.plant(first), await execution.plant(first)]).toEqual(["planted", "planted"]);
      expect(await execution.start(first, lease.sh("echo ran >planted"))).toBe("exists");
      expect(await execution.status()).toEqual({ kind: "tombstone" });
      expect((await output(execution)).stdout.length).toBe(0);
      expect(await execution.kill(first, 100)).not.toBe("unverified");
      expect((await lease.ran(lease.sh("ls planted"))).status).not.toMatchObject({ exit: { code: 0 } });
    });

    it("I6: planting against starting: one of them, and the other learns it", async () => {
      for (let i = 0; i < 5; i++) {
        const execution = lease.execution();
        const [started, planted] = await Promise.all([execution.start(first, lease.sh("exit 3")), execution.plant(first)]);
        expect(`${started} ${planted}`).toBe(started === "started" ? "started exists" : "exists planted");
        await output(execution);
        expect((await execution.status()).kind).toBe(started === "started" ? "ended" : "tombstone");
      }
    });

    it("the id of the running kernel stays what it is", async () => {
      const execution = lease.execution();
      const id = await execution.bootId();
      expect(id).toMatch(/^\S{8,}$/);
      expect(await lease.execution().bootId()).toBe(id);
    });

    it("I5: an old fence or offer has no say", async () => {
      const own = await bench.lease();
      const execution = own.execution();
      await execution.start({ fence: 5, offer: 3 }, own.sh("echo ready; sleep 1000"));
      await spoken(execution, 1, { fence: 5, offer: 3 });
      const stale = { kind: "stale" };
      for (const caller of [
        { fence: 4, offer: 9 },
        { fence: 5, offer: 2 },
      ]) {
        await expect(execution.start(caller, own.sh("true"))).rejects.toMatchObject(stale);
        await expect(execution.plant(caller)).rejects.toMatchObject(stale);
        await expect(execution.follow(caller, { stdout: 0, stderr: 0 })).rejects.toMatchObject(stale);
        await expect(execution.kill(caller, 100)).rejects.toMatchObject(stale);
        await expect(execution.beat(caller)).rejects.toMatchObject(stale);
      }
      await expect(own.execution().start({ fence: 4, offer: 1 }, own.sh("true"))).rejects.toMatchObject(stale);
      expect(await execution.status()).toEqual({ kind: "running" });
      await execution.beat({ fence: 6, offer: 4 });
      await expect(execution.kill({ fence: 6, offer: 3 }, 100)).rejects.toMatchObject(stale);
      expect(await execution.kill({ fence: 6, offer: 4 }, 100)).not.toBe("unverified");
    });
  });
}
