import { describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";
import { livingAt, livingHere } from "../cookie.ts";
import { first, spoken } from "../lease.ts";
import { inOtherProcess } from "../other-process.ts";

export function release(bench: Bench): void {
  const { driver, subject } = bench;
  const expectGone = async (key: string, handle: unknown): Promise<void> => {
    expect(await driver.inspect(bench.context(), { key, handle })).toBe("gone");
    expect((await bench.listed()) ?? []).not.toContain(key);
    expect((await subject.remains()).filter((name) => name.includes(key))).toEqual([]);
    await expect(bench.acquire(key, { fence: 9 })).rejects.toMatchObject({ kind: "gone" });
  };

  describe("release", () => {
    it("I2: any number of times, at once, with a handle or without, from other processes too", async () => {
      const key = bench.key();
      const { handle } = await bench.acquire(key);
      await Promise.all([
        ...[handle, null, handle, null].map((given) => driver.release(bench.context(), { key, handle: given, config: bench.subject.config })),
        inOtherProcess(bench, { do: "verb", verb: "release", key, handle }).then((answer) => expect(answer.failed).toBeUndefined()),
      ]);
      await driver.release(bench.context(), { key, handle, config: bench.subject.config });
      await bench.release(key);
      await expectGone(key, handle);
    });

    it("I2: of a key that nobody ever acquired: nobody can any more", async () => {
      const { handle } = await bench.acquire(bench.key());
      const key = bench.key();
      await Promise.all([bench.release(key), bench.release(key)]);
      await bench.release(key);
      await expectGone(key, handle);
    });

    it("I2: against acquires of the same key: nothing is left at the end", async () => {
      const { handle } = await bench.acquire(bench.key());
      for (let i = 0; i < 5; i++) {
        const key = bench.key();
        const results = await Promise.allSettled([bench.acquire(key), bench.release(key), bench.acquire(key), bench.release(key), bench.acquire(key)]);
        for (const result of results) if (result.status === "rejected") expect(["gone", "transient", "busy"], String(result.reason)).toContain((result.reason as { kind: string }).kind);
        await bench.release(key);
        await expectGone(key, handle);
      }
    });

    it("I9: while commands run: their processes are gone with it", async () => {
      const lease = await bench.lease();
      const execution = lease.execution();
      await execution.start(first, lease.sh("sleep 1000 & (setsid sh -c 'trap \"\" TERM; echo ready; while :; do sleep 1000; done' &); trap '' TERM; while :; do sleep 1000; done"));
      await spoken(execution);
      expect((await livingAt(lease, execution.id)).length).toBeGreaterThan(0);
      await driver.release(bench.context(), { key: lease.key, handle: lease.handle, config: bench.subject.config });
      expect(livingHere(bench, execution.id) ?? []).toEqual([]);
      expect((await subject.remains()).filter((name) => name.includes(lease.key))).toEqual([]);
    });

    it("deletes what a command has made unreadable, and follows no link", async () => {
      const [kept, lease] = [await bench.lease(), await bench.lease()];
      await kept.ran(kept.sh("echo precious >file"));
      const { status } = await lease.ran(
        lease.sh(`mkdir -p a/b && echo x >a/b/c && ln -s / root && ln -s "$1" a/out && chmod 000 a/b a && chmod 555 "$PWD"`, {
          argv: ["sh", "-c", `mkdir -p a/b && echo x >a/b/c && ln -s / root && ln -s "$1" a/out && chmod 000 a/b a && chmod 555 "$PWD"`, "sh", kept.session.places.workspace],
        }),
      );
      expect(status).toMatchObject({ exit: { code: 0 } });
      await bench.release(lease.key);
      await expectGone(lease.key, lease.handle);
      expect((await kept.ran(kept.sh("cat file"))).stdout.toString()).toBe("precious\n");
    });
  });
}
