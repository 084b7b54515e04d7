import { isFinalLease } from "../../src/domain/lease.ts";
import { hear, reap } from "./deeds.ts";
import { mustBeOver } from "./invariants.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** Rounds of sweep, bells and passing time in which everything has to come to its end. */
const rounds = 100;
/** In the first rounds time passes in pieces of this many milliseconds at most: as long as reapers sweep, who waits is renewed. */
const piece = 60_000;
const patientRounds = 40;
/** What is due is looked at once a second. */
const shortest = 1000;

/**
 * Lets a world come to rest and throws `Violation` when it does not, or not well: first while those who are held stay away, as
 * if they had died, then with them awake again.
 */
export async function settle(world: World): Promise<void> {
  await comeToRest(world);
  for (;;) {
    const [process] = world.held;
    if (process === undefined) break;
    await world.with(process, () => process.goOn(Number.POSITIVE_INFINITY));
  }
  await comeToRest(world);
  mustBeOver(world.now, world);
  mustHaveSucceeded(world);
}

async function comeToRest(world: World): Promise<void> {
  await reap(world, null);
  for (let round = 0; round < rounds; round++) {
    for (;;) {
      const bell = world.bag.undelivered.shift();
      if (bell === undefined) break;
      await hear(world, bell, round, null);
    }
    if (isQuiet(world)) return;
    const wait = await world.nextDue();
    if (wait === null) throw new Violation("I4", `nothing will ever be due, and yet ${open(world)}`);
    await world.pass(Math.max(shortest, round < patientRounds ? Math.min(wait, piece) : wait), false);
    await reap(world, null);
  }
  throw new Violation("I4", `after ${rounds} sweeps ${open(world)}`);
}

const open = ({ now }: World): string =>
  [
    ...[...now.runs.values()].filter((run) => run.phase !== "ended").map((run) => `run ${run.id} is ${run.phase}`),
    ...[...now.executions.values()].filter((execution) => execution.state !== "final").map((execution) => `execution ${execution.id} is ${execution.state}`),
    ...[...now.leases.values()].filter((lease) => !isFinalLease(lease.state)).map((lease) => `lease ${lease.id} is ${lease.state} (${lease.reason})`),
  ].join(", ");

const isQuiet = (world: World): boolean => open(world) === "";

/** Claims that may be lost without anybody's giving up: one less than the tries of a step. */
const harmlessKills = 4;
/** Milliseconds without a sweep that no lease dies of. */
const harmlessPause = 60_000;

/** A run that nobody spoiled, in an environment whose provider works, has had its command run to its end. */
function mustHaveSucceeded(world: World): void {
  if (world.kills > harmlessKills || world.longestPause > harmlessPause) return;
  for (const run of world.now.runs.values()) {
    const lease = run.lease === null ? undefined : world.now.leases.get(run.lease);
    if (world.spoiled.has(run.id) || world.environments.get(lease?.environment ?? "")?.faulty === true) continue;
    if (run.outcome?.kind !== "exited") throw new Violation("I4", `run ${run.id}, which nobody disturbed, ended as ${JSON.stringify(run.outcome)}`);
  }
}
