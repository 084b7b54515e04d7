import fc from "fast-check";
import { isFinalLease } from "../../src/domain/lease.ts";
import * as deeds from "./deeds.ts";
import type { World } from "./world.ts";

/** What the generator knows of a world: how much there is to choose from. */
export interface Known {
  world: World;
}

type Command = fc.AsyncCommand<Known, World>;
type Choose<T> = (world: World) => readonly T[];

/** A command on one of several things: the index that was generated counts modulo how many there are. Not made when there are none. */
function on<T>(what: string, choose: Choose<T>, index: number, act: (world: World, one: T) => Promise<void>): Command {
  return {
    check: ({ world }) => choose(world).length > 0,
    run: async (_known, world) => {
      const all = choose(world);
      const one = all[index % all.length];
      world.story.push(`> ${what}`);
      if (one !== undefined) await act(world, one);
    },
    toString: () => `${what} ${index}`,
  };
}

const always = (what: string, act: (world: World) => Promise<void>): Command => ({
  check: () => true,
  run: async (_known, world) => {
    world.story.push(`> ${what}`);
    await act(world);
  },
  toString: () => what,
});

const index = fc.nat(11);
/** Effects after which a process is held; null for never. */
const budget = fc.oneof({ withCrossShrink: true }, { weight: 3, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: fc.integer({ min: 0, max: 12 }) });
const held = (n: number | null): string => (n === null ? "" : ` held after ${n}`);

const undelivered: Choose<World["bag"]["rung"][number]> = (world) => world.bag.undelivered;
const runs: Choose<string> = (world) => [...world.now.runs.keys()];
const leases: Choose<string> = (world) => [...world.now.leases.values()].filter((lease) => !isFinalLease(lease.state)).map((lease) => lease.id);
const adHoc: Choose<string> = (world) => [...world.now.leases.values()].filter((lease) => lease.run === null).map((lease) => lease.id);
const adHocActive: Choose<string> = (world) => [...world.now.leases.values()].filter((lease) => lease.run === null && lease.state === "active").map((lease) => lease.id);
const executions: Choose<string> = (world) => [...world.now.executions.values()].filter((execution) => execution.run === null).map((execution) => execution.id);
const processes: Choose<World["held"][number]> = (world) => world.held;
const resources: Choose<World["now"]["resources"][number]> = (world) => world.now.resources;

const take = (world: World, bell: World["bag"]["rung"][number]): void => {
  world.bag.undelivered.splice(world.bag.undelivered.indexOf(bell), 1);
};

/** So often, because it is to happen so much more often. */
const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** Waits: shorter than a claim, longer, so long that a lease expires, so long that a queue's time is over. */
const waits = [1500, 5500, 9000, 9000, 70_000, 130_000, 45 * 60_000, 3 * 3_600_000] as const;

/** Everything that can happen, the frequent more often. To have something new happen, add it here. */
export const anything: fc.Arbitrary<Command>[] = [
  ...times(3, () => fc.tuple(fc.nat(4), fc.nat(5), budget).map(([key, variant, n]) => always(`submit ${key} as ${variant}${held(n)}`, (world) => deeds.submit(world, key, variant, n)))),
  fc.tuple(fc.nat(2), fc.nat(2), budget).map(([key, environment, n]) => always(`lease ${key} of ${environment}${held(n)}`, (world) => deeds.lease(world, key, environment, n))),
  ...times(2, () => fc.tuple(index, fc.nat(2), budget).map(([i, key, n]) => on(`exec ${key}${held(n)} in`, adHocActive, i, (world, id) => deeds.exec(world, id, key, n)))),
  fc.tuple(index, budget).map(([i, n]) => on(`renew${held(n)}`, adHoc, i, (world, id) => deeds.renew(world, id, n))),
  fc.tuple(index, budget).map(([i, n]) => on(`give back${held(n)}`, leases, i, (world, id) => deeds.letGo(world, id, n))),
  fc.tuple(index, budget).map(([i, n]) => on(`cancel${held(n)}`, runs, i, (world, id) => deeds.cancel(world, id, n))),
  fc.tuple(index, budget).map(([i, n]) => on(`end command${held(n)}`, executions, i, (world, id) => deeds.endCommand(world, id, n))),
  // A bell is heard once, in any order; by nobody; by one and then by another, at once when the first is held.
  ...times(8, () =>
    fc.tuple(index, fc.nat(1), budget).map(([i, host, n]) =>
      on(`deliver${held(n)} at ${host}`, undelivered, i, (world, bell) => {
        take(world, bell);
        return deeds.hear(world, bell, host, n);
      }),
    ),
  ),
  fc.tuple(index, fc.nat(1), budget).map(([i, host, n]) => on(`deliver and keep${held(n)} at ${host}`, undelivered, i, (world, bell) => deeds.hear(world, bell, host, n))),
  fc.tuple(fc.nat(40), fc.nat(1), budget).map(([i, host, n]) => on(`deliver again${held(n)} at ${host}`, (world) => world.bag.rung, i, (world, bell) => deeds.hear(world, bell, host, n))),
  index.map((i) => on("lose", undelivered, i, async (world, bell) => take(world, bell))),
  ...times(2, () => fc.integer({ min: 2, max: 6 }).map((count) =>
    always(`deliver the next ${count}`, async (world) => {
      for (let n = 0; n < count; n++) {
        const bell = world.bag.undelivered.shift();
        if (bell !== undefined) await deeds.hear(world, bell, n, null);
      }
    }),
  )),
  budget.map((n) => always(`sweep${held(n)}`, (world) => deeds.reap(world, n))),
  fc.tuple(fc.constantFrom(...waits), fc.boolean()).map(([ms, silent]) => always(`${ms} ms pass${silent ? " in silence" : ""}`, (world) => world.pass(ms, silent))),
  fc.constantFrom(1500, 5500, 9000).map((ms) =>
    always(`${ms} ms pass, and a sweep`, async (world) => {
      await world.pass(ms, false);
      await deeds.reap(world, null);
    }),
  ),
  ...times(3, () => fc.tuple(index, budget).map(([i, n]) => on(`go on${held(n)}`, processes, i, (world, process) => world.with(process, () => process.goOn(n ?? Number.POSITIVE_INFINITY))))),
  fc.tuple(index, fc.boolean()).map(([i, after]) =>
    on(`kill ${after ? "after" : "before"} its effect`, processes, i, (world, process) => {
      world.kills += 1;
      return world.with(process, () => process.kill(after));
    }),
  ),
  fc.tuple(index, fc.boolean()).map(([i, after]) =>
    on(`lose the connection ${after ? "after" : "before"} the statement`, processes, i, (world, process) => {
      world.kills += 1;
      return world.with(process, () => process.loseAnswer(after));
    }),
  ),
  index.map((i) =>
    on("stop", processes, i, (world, process) =>
      world.with(process, () => {
        process.stop.abort(new Error("this worker stops"));
        return process.goOn(Number.POSITIVE_INFINITY);
      }),
    ),
  ),
  index.map((i) => on("vanish", resources, i, (world, resource) => world.vanish(resource))),
  index.map((i) => on("duplicate", resources, i, (world, resource) => world.duplicate(resource))),
];

const verbs = ["acquire", "session", "release", "create", "get", "list", "destroy"] as const;
const calls = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 8 }).map((last): [number, number] => [1, last]));
const faults = fc.oneof(
  fc.record({ verb: fc.constantFrom(...verbs), call: calls, fault: fc.constant("fail" as const), kind: fc.constantFrom("transient" as const, "busy" as const, "refused" as const, "gone" as const, "invalid" as const, "unknown" as const) }),
  fc.record({ verb: fc.constantFrom(...verbs), call: calls, fault: fc.constantFrom("lose_answer" as const, "vanish" as const) }),
  fc.record({ verb: fc.constant("create" as const), call: calls, fault: fc.constant("duplicate" as const) }),
  fc.record({ verb: fc.constant("create" as const), call: calls, fault: fc.constant("create_late" as const), afterCalls: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ verb: fc.constant("list" as const), call: calls, fault: fc.constantFrom("list_fails" as const, "list_stale" as const) }),
);
/** What goes wrong at the provider of the one environment whose provider fails. */
export const plans = fc.array(faults, { maxLength: 3 });
