import { createHash, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";
import { first, fromTheStart, type Lease, output, spoken } from "../lease.ts";
import { otherProcess } from "../other-process.ts";
import { untilThere } from "../../support/shell.ts";

const MiB = 1024 * 1024;

/** What commands say, and who hears it. */
export function outputs(bench: Bench): void {
  describe("commands: output", () => {
    let lease: Lease;
    beforeAll(async () => {
      lease = await bench.lease();
    });

    it("I7: 64 MiB of any bytes, on both streams at once, byte by byte", async () => {
      const block = randomBytes(MiB);
      const execution = lease.execution();
      await execution.start(first, lease.sh('cat >block; i=0; while [ $i -lt 32 ]; do cat block; cat block >&2; i=$((i+1)); done', { stdin: block }));
      const follow = await execution.follow(first, fromTheStart);
      const digest = async (stream: AsyncIterable<Buffer>): Promise<string> => {
        const hash = createHash("sha256");
        for await (const chunk of stream) hash.update(chunk);
        return hash.digest("hex");
      };
      const heard = await Promise.all([digest(follow.stdout), digest(follow.stderr)]);
      await follow.done;
      const whole = createHash("sha256");
      for (let i = 0; i < 32; i++) whole.update(block);
      const expected = whole.digest("hex");
      expect(heard).toEqual([expected, expected]);
      expect(await execution.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 0 }, sizes: { stdout: 32 * MiB, stderr: 32 * MiB }, dropped: { stdout: 0, stderr: 0 } });
    });

    it("I7: up to the limit exactly, and what was dropped is counted", async () => {
      const text = Array.from({ length: 30_000 }, (_, i) => `${i + 1}\n`).join("");
      await Promise.all(
        [0, 1, 255, 1000, 70_000].map(async (outputLimit) => {
          const { stdout, stderr, status } = await lease.ran(lease.sh("seq 30000; seq 30001 >&2", { outputLimit }));
          expect([stdout.toString(), stderr.toString()]).toEqual([text.slice(0, outputLimit), text.slice(0, outputLimit)]);
          expect(status).toMatchObject({
            exit: { kind: "exited", code: 0 },
            sizes: { stdout: outputLimit, stderr: outputLimit },
            dropped: { stdout: text.length - outputLimit, stderr: text.length + 6 - outputLimit },
          });
        }),
      );
      expect((await lease.ran(lease.sh("printf 12345", { outputLimit: 5 }))).status).toMatchObject({ sizes: { stdout: 5 }, dropped: { stdout: 0 } });
    });

    it("I7: through the names of its own descriptors, opened again, nothing is lost", async () => {
      const stdin = Buffer.from("one\ntwo\n");
      const { stdout, stderr } = await lease.ran(lease.sh("echo a >&2; echo b >/dev/stderr; echo c >>/dev/stderr; echo d >/proc/self/fd/2; echo e; echo f >/dev/stdout; head -n 2 /dev/stdin; echo g >/dev/fd/1", { stdin }));
      expect(stderr.toString()).toBe("a\nb\nc\nd\n");
      expect(stdout.toString()).toBe("e\nf\none\ntwo\ng\n");
    });

    it("I7: as it comes, while the command runs", async () => {
      const execution = lease.execution();
      await execution.start(first, lease.sh(`echo one; ${untilThere("go")}; echo two`));
      expect(await spoken(execution)).toBe("one\n");
      expect(await execution.status()).toEqual({ kind: "running" });
      await lease.ran(lease.sh(": >go"));
      expect((await output(execution)).stdout.toString()).toBe("one\ntwo\n");
    });

    it("I7: a command that closes its outputs and goes on", async () => {
      const { stdout, status } = await lease.ran(lease.sh("echo a; exec >&- 2>&-; sleep 0.1; exit 7"));
      expect(stdout.toString()).toBe("a\n");
      expect(status).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 7 }, dropped: { stdout: 0, stderr: 0 } });
    });

    it("I7: from an offset on, and nothing behind the end", async () => {
      const { execution } = await lease.ran(lease.sh("echo hello; echo world >&2"));
      expect(await output(execution, { stdout: 2, stderr: 6 })).toEqual({ stdout: Buffer.from("llo\n"), stderr: Buffer.alloc(0) });
      expect(await output(execution, { stdout: 100, stderr: 1 })).toEqual({ stdout: Buffer.alloc(0), stderr: Buffer.from("orld\n") });
    });

    it("I13: from another process, with a fresh driver, while it runs; that process dies and the command goes on", async () => {
      const execution = lease.execution();
      await execution.start(first, lease.sh(`echo one; ${untilThere("on")}; echo two; ${untilThere("over")}; echo three; exit 8`));
      expect(await spoken(execution)).toBe("one\n");
      const attach = (offer: number) =>
        otherProcess(bench, { do: "attach", key: lease.key, handle: lease.handle, execution: execution.id, caller: { fence: 1, offer }, from: { stdout: 4, stderr: 0 } });
      const mortal = attach(2);
      expect(await mortal.next()).toEqual({ ok: "attached" });
      mortal.kill();
      expect(await mortal.ended).toBe("SIGKILL");
      await lease.ran(lease.sh(": >on"));
      const heir = attach(3);
      expect(await heir.next()).toEqual({ ok: "attached" });
      await lease.ran(lease.sh(": >over"));
      expect(await heir.next()).toEqual({ ok: "two\nthree\n" });
      await heir.ended;
      expect(await execution.status()).toMatchObject({ exit: { kind: "exited", code: 8 } });
    });
  });
}
