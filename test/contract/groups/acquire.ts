import { describe, expect, it } from "vitest";
import { type Bench, lastFence } from "../bench.ts";
import { leaseOf } from "../lease.ts";
import { inOtherProcess } from "../other-process.ts";

export function acquire(bench: Bench): void {
  const { driver, subject } = bench;
  const marked = async (key: string, handle: unknown): Promise<string> => {
    const lease = await leaseOf(bench, key, handle);
    return (await lease.ran(lease.sh("cat mark"))).stdout.toString();
  };
  const mark = async (key: string, handle: unknown): Promise<void> => {
    const lease = await leaseOf(bench, key, handle);
    expect((await lease.ran(lease.sh(`echo ${key} >mark`))).status).toMatchObject({ exit: { code: 0 } });
  };
  /** That there is one resource of that key, whichever way one looks. */
  const expectOne = async (key: string): Promise<void> => {
    expect((await bench.listed())?.filter((listed) => listed === key) ?? [key]).toEqual([key]);
    expect((await subject.remains()).filter((name) => name.includes(key))).toHaveLength(1);
  };

  describe("acquire", () => {
    it("I2: the same key gives the same resource, whoever asks", async () => {
      const key = bench.key();
      const one = await bench.acquire(key);
      await mark(key, one.handle);
      const fresh = await subject.open(subject.installation);
      for (const by of [driver, fresh]) expect(await bench.acquire(key, { by })).toEqual({ ...one, metadata: expect.anything() });
      await fresh.close();
      const elsewhere = await inOtherProcess(bench, { do: "verb", verb: "acquire", key });
      expect(elsewhere.ok).toMatchObject({ handle: one.handle, providerLeaseId: one.providerLeaseId });
      expect(await marked(key, one.handle)).toBe(`${key}\n`);
      await expectOne(key);
    });

    it("I2: twenty at once, from two drivers and from two other processes, give one resource", async () => {
      const key = bench.key();
      const fresh = await subject.open(subject.installation);
      const asked = await Promise.allSettled([
        ...Array.from({ length: 20 }, (_, i) => bench.acquire(key, { by: i % 2 === 0 ? driver : fresh })),
        ...[1, 2].map(() => inOtherProcess(bench, { do: "verb", verb: "acquire", key })),
      ]);
      await fresh.close();
      for (const answer of asked) if (answer.status === "rejected") expect(["transient", "busy"], String(answer.reason)).toContain((answer.reason as { kind: string }).kind);
      expect(asked.some((answer) => answer.status === "fulfilled")).toBe(true);
      await bench.acquire(key);
      await expectOne(key);
    });

    it("I2: different keys are different resources", async () => {
      const [a, b] = await Promise.all([bench.lease(), bench.lease()]);
      await mark(a.key, a.handle);
      expect((await b.ran(b.sh("cat mark"))).status).toMatchObject({ exit: { code: 1 } });
      await bench.release(a.key);
      expect((await b.ran(b.sh("true"))).status).toMatchObject({ exit: { code: 0 } });
    });

    it("I2: a key that was released never comes back, for nobody", async () => {
      const key = bench.key();
      const { handle } = await bench.acquire(key);
      await bench.release(key);
      const fresh = await subject.open(subject.installation);
      for (const by of [driver, fresh]) await expect(bench.acquire(key, { fence: 2, by })).rejects.toMatchObject({ kind: "gone" });
      await fresh.close();
      expect((await inOtherProcess(bench, { do: "verb", verb: "acquire", key, fence: 2 })).failed).toMatchObject({ kind: "gone" });
      expect(await driver.inspect(bench.context(), { key, handle })).toBe("gone");
    });

    it("I12: what another installation or company has under that name is refused, and left alone", async () => {
      const key = bench.key();
      const theirs = bench.key();
      const { handle } = await bench.acquire(key);
      await mark(key, handle);
      const other = await subject.open(subject.otherInstallation);
      const them = { by: other, installation: subject.otherInstallation };
      const { handle: theirHandle } = await bench.acquire(theirs, them);
      for (const want of [them, { company: "evil" }]) await expect(bench.acquire(key, { ...want, fence: 2 })).rejects.toMatchObject({ kind: "refused" });
      await expect(bench.acquire(theirs, { fence: 2 })).rejects.toMatchObject({ kind: "refused" });
      expect(await marked(key, handle)).toBe(`${key}\n`);
      expect(await other.inspect(bench.context(), { key: theirs, handle: theirHandle })).toBe("up");
      await bench.release(theirs, { by: other, fence: lastFence });
      await other.close();
    });

    it("a driver works for its own installation only", async () => {
      const before = await subject.remains();
      await expect(bench.acquire(bench.key(), { installation: subject.otherInstallation })).rejects.toMatchObject({ kind: "refused" });
      expect(await subject.remains()).toEqual(before);
    });

    it.each(["", ".", "..", "../x", "/etc", "a/b", ".stage", "x".repeat(300), "a\0b", "{00000000-0000-0000-0000-000000000000}"].map((key) => [key.slice(0, 50), key]))("a key that is no id is refused: %j", async (_begin, key) => {
      const before = await subject.remains();
      await expect(bench.acquire(key)).rejects.toMatchObject({ kind: "invalid" });
      await expect(bench.release(key)).rejects.toMatchObject({ kind: "invalid" });
      expect(await subject.remains()).toEqual(before);
    });

    it("from a place that cannot be reached: an error that says to come again, or to get somebody", async () => {
      const nowhere = await subject.unreachable();
      await expect(bench.acquire(bench.key(), { by: nowhere })).rejects.toSatisfy((error: { kind: string }) => ["transient", "refused"].includes(error.kind));
      await nowhere.close();
    });

    (driver.facts.fencing === "enforced" ? oldFences : noFences)(bench);
  });
}

function oldFences(bench: Bench): void {
  it("I5: an old fence is stale, for acquire and release", async () => {
    const key = bench.key();
    const { handle } = await bench.acquire(key, { fence: 5 });
    await expect(bench.acquire(key, { fence: 4 })).rejects.toMatchObject({ kind: "stale" });
    await expect(bench.release(key, { fence: 4 })).rejects.toMatchObject({ kind: "stale" });
    expect(await bench.driver.inspect(bench.context(5), { key, handle })).toBe("up");
    await bench.acquire(key, { fence: 6 });
    await expect(bench.release(key, { fence: 5 })).rejects.toMatchObject({ kind: "stale" });
    await bench.release(key, { fence: 6 });
  });
}

function noFences({ driver }: Bench): void {
  it("fences are not declared: callers stop by the clock, for which a call has its longest time", () => expect(driver.facts.callTimeoutMs).toBeLessThanOrEqual(10 * 60_000));
}
