import { beforeAll, describe, expect, it } from "vitest";
import type { Killed } from "../../../src/domain/outcome.ts";
import type { Bench } from "../bench.ts";
import { livingAt } from "../cookie.ts";
import { first, type Execution, type Lease, output, spoken } from "../lease.ts";

/** In the background, in its own session, a daemon twice removed, and in the foreground. Each says that it is there. */
const tree = `
sh -c 'echo up; exec sleep 1001' &
setsid sh -c 'echo up; exec sleep 1002' &
(setsid sh -c 'sh -c "echo up; exec sleep 1003" & exit' &)
echo up
exec sleep 1004`;

/** Says \`term\` when told to end, then needs a moment. */
const saving = (line: string): string => `trap 'echo term; sleep 0.3; echo ${line}; exit 12' TERM; echo up; sleep 1000 & wait`;

/** That ending a command ends all of it, and what is said of it is true. */
export function kill(bench: Bench): void {
  describe("commands: kill", () => {
    let lease: Lease;
    /** The strongest that this place can say of an execution that had begun. */
    let words: readonly Killed[];
    beforeAll(async () => {
      lease = await bench.lease();
      words = lease.session.enclosure === null ? ["swept", "verified"] : ["verified"];
    });
    const running = async (script: string, lines = 1): Promise<Execution> => {
      const execution = lease.execution();
      await execution.start(first, lease.sh(script));
      await spoken(execution, lines);
      return execution;
    };
    const expectNobody = async (execution: Execution): Promise<void> => expect(await livingAt(lease, execution.id)).toEqual([]);

    it("I9: children, sessions of their own and daemons: nobody is left", async () => {
      const execution = await running(tree, 4);
      expect((await livingAt(lease, execution.id)).length).toBeGreaterThanOrEqual(4);
      expect(words).toContain(await execution.kill(first, 2000));
      await expectNobody(execution);
      expect(await execution.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled", signal: "SIGTERM" }, killed: true });
      expect((await output(execution)).stdout.toString()).toBe("up\nup\nup\nup\n");
    });

    it("I9: a second kill, or two at once, say the same and change nothing", async () => {
      const execution = await running(tree, 4);
      for (const answer of await Promise.all([execution.kill(first, 2000), execution.kill(first, 2000)])) expect(words).toContain(answer);
      const { exit, killed } = { exit: null, killed: null, ...(await execution.status()) };
      expect({ exit, killed }).toEqual({ exit: { kind: "signalled", signal: "SIGTERM" }, killed: true });
      expect(words).toContain(await execution.kill({ fence: 1, offer: 2 }, 100));
      expect(await execution.status()).toMatchObject({ exit, killed });
      await expectNobody(execution);
    });

    it("I8: one that saves its work on TERM has its grace, and what it says is kept", async () => {
      const execution = await running(saving("saved"));
      expect(words).toContain(await execution.kill(first, 20_000));
      expect((await output(execution)).stdout.toString()).toBe("up\nterm\nsaved\n");
      expect(await execution.status()).toMatchObject({ exit: { kind: "exited", code: 12 }, killed: true });
    });

    it("I9: so have its children, when it goes at once itself", async () => {
      const execution = await running(`sh -c "${saving("saved").replaceAll('"', '\\"')}" & exec sleep 1000`);
      expect(words).toContain(await execution.kill(first, 20_000));
      expect((await output(execution)).stdout.toString()).toBe("up\nterm\nsaved\n");
      await expectNobody(execution);
    });

    it("I9: one that ignores TERM gets KILL, after the grace and not before", async () => {
      const execution = await running("trap '' TERM; echo up; exec sleep 1000");
      const before = performance.now();
      expect(words).toContain(await execution.kill(first, 300));
      expect(performance.now() - before).toBeGreaterThan(290);
      await expectNobody(execution);
      expect(await execution.status()).toMatchObject({ exit: { kind: "signalled", signal: "SIGKILL" }, killed: true });
    });

    it("I9: at every moment of the start", async () => {
      for (let i = 0; i < 6; i++) {
        const execution = lease.execution();
        await execution.start(first, lease.command(["sleep", "1000"]));
        if (i > 3) await execution.status();
        expect(await execution.kill(first, 1000)).not.toBe("unverified");
        await expectNobody(execution);
        expect(await execution.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled" }, killed: true });
      }
    });

    it("before the start it ends nothing, and says so without doubt", async () => {
      const execution = lease.execution();
      expect(await execution.kill(first, 100)).not.toBe("unverified");
      await expectNobody(execution);
    });

    it("I8: what ended by itself keeps its exit status", async () => {
      const { execution } = await lease.ran(lease.sh("exit 6"));
      expect(words).toContain(await execution.kill(first, 100));
      expect(await execution.status()).toMatchObject({ exit: { kind: "exited", code: 6 }, killed: false });
    });

    it("I9: ends one execution, not its neighbours", async () => {
      const [one, other] = [await running("echo up; exec sleep 1000"), await running("echo up; exec sleep 1000")];
      await one.kill(first, 1000);
      expect(await other.status()).toEqual({ kind: "running" });
      expect((await livingAt(lease, other.id)).length).toBeGreaterThan(0);
      await other.kill(first, 1000);
    });
  });

  describe("commands: what they leave running", () => {
    it("I9: is told to end when the command has ended, has its grace, and is heard to the end", async () => {
      const lease = await bench.lease();
      const script = `setsid sh -c "${saving("saved").replaceAll('"', '\\"')}" & sh -c 'trap "" TERM; echo up; while :; do sleep 1; done' & while [ "$(cat seen 2>/dev/null)" != yes ]; do sleep 0.01; done; exit 4`;
      const execution = lease.execution();
      await execution.start(first, lease.sh(script, { leftoverGraceMs: 2000 }));
      await spoken(execution, 2);
      await lease.ran(lease.sh("echo yes >seen"));
      const { stdout } = await output(execution);
      expect(stdout.toString()).toBe("up\nup\nterm\nsaved\n");
      expect(await execution.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 4 }, dropped: { stdout: 0, stderr: 0 }, killed: false });
      expect(await livingAt(lease, execution.id)).toEqual([]);
    });

    it("I9: nobody cares any more: the watchdog ends the command, and the status says that it was ended", async () => {
      const lease = await bench.lease();
      const { execution, status } = await lease.ran(lease.sh(tree, { watchdogMs: 400 }));
      expect(status).toMatchObject({ kind: "ended", exit: { kind: "signalled" }, killed: true });
      expect(await livingAt(lease, execution.id)).toEqual([]);
    });
  });
}
