import { describe, expect, it } from "vitest";
import { type Bench, lastFence } from "../bench.ts";
import { livingAt } from "../cookie.ts";
import { type Execution, first, type Lease, output, spoken } from "../lease.ts";
import { otherProcess, overTheWire } from "../other-process.ts";

/** How many mortals are tried at once. */
const abreast = 3;
/** More effects than any verb has; one that has more never ends. */
const most = 300;

/** A verb in the hands of somebody who dies, and what somebody else finds then. */
interface Mortal {
  /** What is there before; gives the task, and how to look afterwards. `died` is false for the one that came through. */
  (): Promise<{ readonly task: Record<string, unknown>; readonly after: (died: boolean) => Promise<void> }>;
}

/**
 * Lets the verb's process die before its first effect, its second, and so on, until it comes through; gives the number of
 * effects. In the test suite every third is enough, for each is a process of its own: `npm run contract` tries them all.
 */
async function dies(bench: Bench, verb: string, mortal: Mortal): Promise<number> {
  const step = process.env["CONTRACT_SUBJECT"] === undefined ? 3 : 1;
  const attempt = async (at: number): Promise<"died" | number> => {
    const { task, after } = await mortal();
    const other = otherProcess(bench, { do: "die", verb, at, ...task });
    const answer = await other.next();
    const signal = await other.ended;
    const died = answer === null;
    expect(signal, other.complaints()).toBe(died ? "SIGKILL" : null);
    if (!died) expect(answer.failed).toBeUndefined();
    await after(died);
    return died ? "died" : (answer.effects ?? 0);
  };
  for (let from = 1; from < most; from += abreast * step) {
    const results = await Promise.all(Array.from({ length: abreast }, (_, i) => attempt(from + i * step)));
    const through = results.find((result) => result !== "died");
    if (through !== undefined) return through;
  }
  throw new Error(`${verb} does not end within ${most} effects`);
}

/** Every verb, with a process that dies by SIGKILL before each of its effects. */
export function deaths(bench: Bench): void {
  const { driver, subject } = bench;

  /** That a key has one resource; that its release leaves nothing. */
  const expectOneThenNone = async (key: string): Promise<void> => {
    const { handle } = await bench.acquire(key, { fence: 2 });
    expect(((await bench.listed()) ?? [key]).filter((listed) => listed === key)).toEqual([key]);
    expect(await driver.inspect(bench.context(2), { key, handle })).toBe("up");
    await expectNone(key, handle);
  };
  const expectNone = async (key: string, handle: unknown): Promise<void> => {
    await bench.release(key, { fence: lastFence });
    expect((await bench.listed()) ?? []).not.toContain(key);
    expect(await driver.inspect(bench.context(2), { key, handle })).toBe("gone");
    expect((await subject.remains()).filter((name) => name.includes(key))).toEqual([]);
  };
  const expectUp = async ({ key, handle }: Lease): Promise<void> => {
    expect(await driver.inspect(bench.context(), { key, handle })).toBe("up");
  };

  describe("deaths", () => {
    it("I2: in acquire: acquired again there is one resource; released, none", async () => {
      const effects = await dies(bench, "acquire", async () => {
        const key = bench.key();
        return { task: { key }, after: () => expectOneThenNone(key) };
      });
      expect(effects).toBeGreaterThan(0);
    });

    it("I2: in acquire: released at once, by the key alone, there is nothing", async () => {
      const { handle } = await bench.lease();
      await dies(bench, "acquire", async () => {
        const key = bench.key();
        return { task: { key }, after: () => expectNone(key, handle) };
      });
    });

    it("I2: in release: released again there is nothing", async () => {
      const effects = await dies(bench, "release", async () => {
        const lease = await bench.lease();
        await lease.ran(lease.sh("mkdir -p a/b; echo x >a/b/c"));
        return { task: { key: lease.key, handle: lease.handle, fence: 2 }, after: () => expectNone(lease.key, lease.handle) };
      });
      expect(effects).toBeGreaterThan(0);
    });

    it("I6: in session and start: the command runs once, or never and it is known", async () => {
      const lease = await bench.lease();
      const effects = await dies(bench, "start", async () => {
        const execution = lease.execution();
        const spec = lease.sh(`echo ran >>${execution.id}`, { env: { ...lease.session.env, TOKEN: `canary-${execution.id}` } });
        const next = { fence: 1, offer: 2 };
        return {
          task: { key: lease.key, handle: lease.handle, execution: execution.id, caller: first, spec: overTheWire(spec) },
          async after() {
            const answer = await execution.start(next, spec);
            await output(execution, undefined, next);
            const { kind } = await execution.status();
            expect(["ended", ...(answer === "exists" ? ["orphaned"] : [])]).toContain(kind);
            expect(await timesRun(lease, execution)).toBe(kind === "ended" ? 1 : 0);
            await execution.kill(next, 100);
            expect(await lease.look(["grep", "-rlF", "-D", "skip", "-f", "-", lease.session.places.control], `canary-${execution.id}`)).toBe("");
          },
        };
      });
      expect(effects).toBeGreaterThan(0);
      await expectNone(lease.key, lease.handle);
    });

    it("I9: in kill: killed again nobody is left", async () => {
      const lease = await bench.lease();
      const effects = await dies(bench, "kill", async () => {
        const execution = lease.execution();
        await execution.start(first, lease.sh("sleep 1000 & echo up; exec sleep 1000"));
        await spoken(execution);
        const next = { fence: 1, offer: 2 };
        return {
          task: { key: lease.key, handle: lease.handle, execution: execution.id, caller: first, graceMs: 1000 },
          async after() {
            expect(await execution.kill(next, 1000)).not.toBe("unverified");
            expect(await livingAt(lease, execution.id)).toEqual([]);
            expect(await execution.status()).toMatchObject({ kind: "ended", exit: { kind: "signalled", signal: "SIGTERM" }, killed: true });
          },
        };
      });
      expect(effects).toBeGreaterThan(0);
      await expectNone(lease.key, lease.handle);
    });

    it.each(["probe", "inspect", "extend"])("in %s: nothing has changed", async (verb) => {
      const lease = await bench.lease();
      const before = await subject.remains();
      await dies(bench, verb, async () => ({
        task: { key: lease.key, handle: lease.handle },
        async after() {
          await expectUp(lease);
        },
      }));
      expect(await subject.remains()).toEqual(before);
      await expectNone(lease.key, lease.handle);
    });
  });

  describe("aborts", () => {
    /** Lets the signal fire before the call, then before its first effect, and so on. Gives the keys it was tried with. */
    const aborts = async (verb: string, handle: unknown, keys: readonly string[]): Promise<readonly string[]> => {
      const other = otherProcess(bench, { do: "abort", verb, handle, keys, fence: 1 });
      const answer = await other.next();
      await other.ended;
      const tried = (answer?.ok ?? []) as readonly { key: string; ms: number; kind: string; called: boolean }[];
      expect(tried.length, other.complaints()).toBeGreaterThan(1);
      for (const { ms, kind } of tried) {
        expect(["ok", "cancelled", "transient"]).toContain(kind);
        // Whoever calls off does not wait for what it called off.
        expect(ms).toBeLessThan(driver.facts.callTimeoutMs / 4);
      }
      expect(tried.at(-1)).toMatchObject({ kind: "ok", called: false });
      return tried.map(({ key }) => key);
    };

    it("I2: of acquire, before it and at every moment of it: released by key there is nothing", async () => {
      const { handle } = await bench.lease();
      const keys = Array.from({ length: 60 }, () => bench.key());
      for (const [i, key] of (await aborts("acquire", handle, keys)).entries()) await (i % 2 === 0 ? expectNone(key, handle) : expectOneThenNone(key));
    });

    it("I2: of release, before it and at every moment of it: released again there is nothing", async () => {
      const { handle } = await bench.lease();
      const keys = Array.from({ length: 40 }, () => bench.key());
      for (const key of keys) await bench.acquire(key);
      await aborts("release", handle, keys);
      for (const key of keys) await expectNone(key, handle);
    });
  });
}

const timesRun = async (lease: Lease, execution: Execution): Promise<number> =>
  (await lease.ran(lease.sh(`cat ${execution.id}`))).stdout.toString().split("\n").filter((line) => line === "ran").length;
