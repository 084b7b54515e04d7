import { executionStates } from "../../src/domain/execution.ts";
import { isFinalLease, type LeaseEvent, type LeaseFacts, type LeaseState, nextLease } from "../../src/domain/lease.ts";
import { runPhases } from "../../src/domain/run.ts";
import type { SeenClaim, SeenExecution, SeenLease, SeenRun, Snapshot } from "./snapshot.ts";
import { Violation } from "./violation.ts";

/** What the world knows that is in no row. */
export interface Facts {
  readonly environments: ReadonlyMap<string, EnvironmentFacts>;
  /** How often the command of an execution began. */
  readonly starts: ReadonlyMap<string, number>;
  /** Keys of which the provider made more resources than it was asked for, or lost one. */
  readonly duplicated: ReadonlySet<string>;
  readonly vanished: ReadonlySet<string>;
}

export interface EnvironmentFacts {
  readonly name: string;
  readonly maxLeases: number | null;
  readonly exitCode: number;
  readonly stdout: string;
  /** Its provider fails as planned. */
  readonly faulty: boolean;
  /** Its plan may leave a resource that only an inventory can find: the release was told that there is none. */
  readonly hides: boolean;
}

/** Whether a claim of before cannot have lapsed since, however long this took. */
const alive = (claim: SeenClaim | null, tookMs: number): boolean => claim !== null && claim.leftMs > tookMs;
const lapsed = (claim: SeenClaim | null): boolean => claim !== null && claim.leftMs <= 0;

/** Throws `Violation` unless what is there now may be there, and may follow upon what was there before. */
export function mustHold(before: Snapshot, now: Snapshot, facts: Facts): void {
  for (const lease of now.leases.values()) leaseHolds(before.leases.get(lease.id), lease, now.at - before.at);
  for (const execution of now.executions.values()) executionHolds(before.executions.get(execution.id), execution, before, now, facts);
  for (const run of now.runs.values()) runHolds(before.runs.get(run.id), run, now);
  slotsHold(now, facts);
  resourcesHold(now, facts);
}

function leaseHolds(before: SeenLease | undefined, lease: SeenLease, tookMs: number): void {
  const of = `lease ${lease.id}`;
  const [first, ...events] = lease.events;
  if (first?.event !== "request" || first.to !== "requested" || first.fence !== 0) throw new Violation("I5", `${of} does not begin with a request`);
  const facts: LeaseFacts & { state: LeaseState; fence: number } = { state: first.to, fence: 0, ending: lease.ending };
  let claimer: string | null = null;
  let seen = 1;
  for (const { event, from, to, fence, who } of events) {
    seen += 1;
    const next = nextLease(facts, event as LeaseEvent);
    if (next === null || from !== facts.state) throw new Violation("I5", `${of}: ${event} from ${from} after ${facts.state}`);
    if (next.to !== to || next.fence !== fence) throw new Violation("I5", `${of}: ${event} led to ${to} with fence ${fence}, not ${next.to} with ${next.fence}`);
    const fresh = seen > (before?.events.length ?? 0);
    const { claim } = next.rule;
    if (claim === "hold" || claim === "drop") {
      if (claimer !== who) throw new Violation("I5", `${of}: ${event} by ${who}, who does not hold the claim (${claimer} does)`);
      if (fresh && before?.fence === fence && before.claim?.owner === who && lapsed(before.claim)) throw new Violation("I5", `${of}: ${event} by ${who}, whose claim had lapsed`);
    }
    if ((claim === "take" || claim === "free") && fresh && before !== undefined && before.fence === facts.fence && before.state === from && claimer === before.claim?.owner && alive(before.claim, tookMs)) {
      throw new Violation("I5", `${of}: ${event} by ${who} over the live claim of ${claimer}`);
    }
    if (claim === "take") claimer = who;
    else if (claim !== "hold" && claim !== "none") claimer = null;
    facts.state = to;
    facts.fence = fence;
  }
  if (facts.state !== lease.state || facts.fence !== lease.fence) {
    throw new Violation("I5", `${of} is ${lease.state} with fence ${lease.fence}; its events say ${facts.state} with ${facts.fence}`);
  }
  if ((lease.claim?.owner ?? null) !== claimer) throw new Violation("I5", `${of} is claimed by ${lease.claim?.owner ?? "nobody"}; its events say ${claimer ?? "nobody"}`);
  if (before === undefined) return;
  if (lease.fence < before.fence) throw new Violation("I5", `${of}: its fence fell from ${before.fence} to ${lease.fence}`);
  if (isFinalLease(before.state) && lease.events.length !== before.events.length) throw new Violation("I5", `${of} changed after its end`);
}

function executionHolds(before: SeenExecution | undefined, execution: SeenExecution, then: Snapshot, now: Snapshot, facts: Facts): void {
  const of = `execution ${execution.id}`;
  const starts = facts.starts.get(execution.id) ?? 0;
  if (starts > 1) throw new Violation("I6", `${of} was started ${starts} times`);
  const { outcome } = execution;
  const lease = now.leases.get(execution.lease);
  const environment = facts.environments.get(lease?.environment ?? "");
  if (outcome !== null) {
    if (outcome.kind === "exited") {
      if (starts !== 1) throw new Violation("I8", `${of} exited and was never started`);
      if (outcome.code !== environment?.exitCode) throw new Violation("I8", `${of} exited with ${environment?.exitCode}, and is said to have with ${outcome.code}`);
      if (execution.stdoutBytes !== environment.stdout.length) throw new Violation("I7", `${of} printed ${environment.stdout.length} bytes; ${execution.stdoutBytes} are kept`);
    } else if (outcome.kind !== "lost" && starts > 0) {
      throw new Violation("I8", `${of} was started and is said to be ${outcome.kind}`);
    }
  }
  if (execution.run !== null && [...now.executions.values()].some((other) => other.run === execution.run && other.id !== execution.id)) {
    throw new Violation("I6", `run ${execution.run} has two executions`);
  }
  if (before === undefined) return;
  if (before.outcome !== null && JSON.stringify(before.outcome) !== JSON.stringify(outcome)) throw new Violation("I8", `${of}: its outcome changed from ${JSON.stringify(before.outcome)} to ${JSON.stringify(outcome)}`);
  if (before.killReason !== null && before.killReason !== execution.killReason) throw new Violation("I8", `${of}: the reason for its end changed from ${before.killReason} to ${execution.killReason}`);
  if (execution.offer < before.offer) throw new Violation("I5", `${of}: its offer fell from ${before.offer} to ${execution.offer}`);
  if (executionStates.indexOf(execution.state) < executionStates.indexOf(before.state)) throw new Violation("I6", `${of} went back from ${before.state} to ${execution.state}`);
  if (execution.stdoutBytes < before.stdoutBytes) throw new Violation("I7", `${of} lost output`);
  if (execution.offer > before.offer && alive(before.claim, now.at - then.at)) throw new Violation("I5", `${of} was claimed over the live claim of ${before.claim?.owner}`);
  if (execution.offer === before.offer && lapsed(before.claim)) {
    // Nobody began to start it: who ends it needs no claim, and none has one.
    const abandoned = before.state === "created" && execution.state === "final" && starts === 0;
    const moved = execution.state !== before.state || execution.stdoutBytes !== before.stdoutBytes;
    if (moved && !abandoned) throw new Violation("I5", `${of} was changed by ${before.claim?.owner}, whose claim had lapsed`);
  }
}

function runHolds(before: SeenRun | undefined, run: SeenRun, now: Snapshot): void {
  const of = `run ${run.id}`;
  const execution = [...now.executions.values()].find((one) => one.run === run.id);
  if (run.outcome?.kind === "exited" && JSON.stringify(execution?.outcome) !== JSON.stringify(run.outcome)) {
    throw new Violation("I8", `${of} is said to have ${JSON.stringify(run.outcome)}, its execution ${JSON.stringify(execution?.outcome)}`);
  }
  const leases = [...now.leases.values()].filter((lease) => lease.run === run.id);
  if (leases.length > 1) throw new Violation("I2", `${of} has ${leases.length} leases`);
  if (before === undefined) return;
  if (before.outcome !== null && JSON.stringify(before.outcome) !== JSON.stringify(run.outcome)) throw new Violation("I8", `${of}: its outcome changed from ${JSON.stringify(before.outcome)} to ${JSON.stringify(run.outcome)}`);
  if (run.version < before.version) throw new Violation("I5", `${of}: its version fell`);
  if (runPhases.indexOf(run.phase) < runPhases.indexOf(before.phase)) throw new Violation("I5", `${of} went back from ${before.phase} to ${run.phase}`);
}

function slotsHold(now: Snapshot, { environments }: Facts): void {
  for (const [id, { name, maxLeases }] of environments) {
    const used = [...now.leases.values()].filter((lease) => lease.environment === id && lease.ownsSlot).length;
    if (maxLeases !== null && used > maxLeases) throw new Violation("I3", `environment ${name} has ${maxLeases} slots, and ${used} leases own one`);
  }
}

function resourcesHold(now: Snapshot, facts: Facts): void {
  const leaseOf = new Map([...now.leases.values()].map((lease) => [lease.key, lease]));
  const seen = new Set<string>();
  for (const { key, host } of now.resources) {
    const lease = leaseOf.get(key);
    if (lease === undefined) throw new Violation("I1", `there is a resource of key ${key}, and no row`);
    if (lease.host !== host) throw new Violation("I1", `there is a resource of lease ${lease.id} at host ${host}; the lease is bound to ${lease.host}`);
    const environment = facts.environments.get(lease.environment);
    if (isFinalLease(lease.state) && environment?.hides !== true) throw new Violation("I2", `lease ${lease.id} is ${lease.state}, and its resource is there`);
    if (seen.has(key) && environment?.faulty !== true && !facts.duplicated.has(key)) throw new Violation("I2", `there are two resources of lease ${lease.id}`);
    seen.add(key);
  }
  for (const lease of now.leases.values()) {
    const kept = facts.environments.get(lease.environment)?.faulty !== true && !facts.vanished.has(lease.key);
    if (lease.state === "active" && kept && !now.resources.some((one) => one.sandbox === lease.sandbox)) throw new Violation("I3", `lease ${lease.id} is active, and its resource is not there`);
  }
}

/** Throws `Violation` unless everything that was begun has come to its end: after everything was delivered and everybody let go. */
export function mustBeOver(now: Snapshot, facts: Facts): void {
  for (const run of now.runs.values()) if (run.phase !== "ended") throw new Violation("I4", `run ${run.id} is ${run.phase}`);
  for (const execution of now.executions.values()) if (execution.state !== "final") throw new Violation("I4", `execution ${execution.id} is ${execution.state}`);
  for (const lease of now.leases.values()) if (!isFinalLease(lease.state)) throw new Violation("I4", `lease ${lease.id} is ${lease.state}: ${lease.reason}`);
  for (const { key } of now.resources) {
    const lease = [...now.leases.values()].find((one) => one.key === key);
    if (facts.environments.get(lease?.environment ?? "")?.hides !== true) throw new Violation("I2", `a resource of lease ${lease?.id} is left`);
  }
}
