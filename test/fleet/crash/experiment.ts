import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { expect } from "vitest";
import type { Config } from "../../../src/config.ts";
import type { Db } from "../../../src/db/client.ts";
import { finalLeaseStates } from "../../../src/domain/lease.ts";
import { endCalm } from "../../support/calm.ts";
import { eventually } from "../../support/eventually.ts";
import { leftovers } from "../../support/fleet.ts";
import { type Stack, startStack } from "../../support/stack.ts";
import { type Mortal, type Orders, startMortal } from "./mortal.ts";
import { quiet, type Row, rows } from "./points.ts";
import { type Rows, read, whatWasLeft, whatWasNext } from "./observe.ts";
import { project, type Scenario, type ScenarioName, scenarios, startsOf, type World } from "./scenarios.ts";

export interface Point {
  readonly row: Row;
  readonly when: "before" | "after";
}

/** Before each effect; and of a process that goes on by itself, right after it was started. */
export const points: readonly Point[] = rows.flatMap((row): Point[] => [{ row, when: "before" }, ...(row.spawns === true ? [{ row, when: "after" } as const] : [])]);
export const nameOf = ({ row, when }: Point): string => `${when === "before" ? "before" : "right after"} ${row.what}`;

/** What came of a death, as far as it is the same every time. */
export interface Seen {
  readonly left: string;
  readonly next: string;
  readonly held: readonly string[];
}

const known = [...new Set([...rows, ...quiet].map(({ line }) => line.source))];
/** How long a process may live on when all it was asked for has been done. */
const afterwards = 15_000;
const poll = { timeoutMs: 30_000, everyMs: 100 };
/** A reaper's pace, but for the second that it would keep everybody waiting. */
const sweepEvery = 500;

/**
 * Has a process of the fleet die at the point, and another one come. Gives what was seen; throws when the point was not
 * reached, an effect has no name, or anything has come out otherwise than it has to. Without a point, nobody dies.
 */
export async function experiment(name: ScenarioName, point?: Point): Promise<Seen> {
  const scenario: Scenario = scenarios[name];
  const stack = await startStack({ workspacePaths: [project], pool: 4, ...(await scenario.config?.()) } satisfies Partial<Config>);
  const { db } = stack.base.database;
  let mortal: Mortal | undefined;
  let world: World | undefined;
  let over = false;
  try {
    await scenario.prepare?.(stack);
    mortal = startMortal(stack.config, scenario.mortal, orders(scenario, point));
    world = { stack, mortal, api: mortal.ready, again: null, opened: [] };
    const work = scenario.client(world);
    work.catch(() => {});
    const dead = await Promise.race([mortal.gone, work.then(() => "all done" as const)]);
    const signal = dead === "all done" && point !== undefined ? await soon(mortal.gone) : dead;
    if (point !== undefined) expect(signal, "the process has died at the point").toBe("SIGKILL");
    if (mortal.unknown.length > 0) throw new Error(`effects that points.ts does not name:\n${[...new Set(mortal.unknown)].join("\n")}`);
    if (signal !== "all done") {
      await connectionsGone(db, scenario.mortal[0] ?? "");
      await expectKeysDurable(stack, db);
    }
    const left = await read(db, mortal.pid);
    let sweeping = Promise.resolve();
    if (signal !== "all done") {
      await letTimePass(db, mortal.pid);
      await scenario.next?.(world);
      if (scenario.next === undefined) await stack.worker();
      sweeping = (async () => {
        while (!over) {
          // However slow this machine is: the fleet was never away.
          await endCalm(db);
          await stack.sweep();
          await sleep(sweepEvery);
        }
      })();
      sweeping.catch(() => {});
    }
    await Promise.race([work, sweeping.then(() => work)]);
    over = true;
    await sweeping;
    const after = await read(db, mortal.pid);
    const held = (await scenario.check?.(world, after)) ?? (await expectAll(stack, scenario, after));
    if (point?.row.meanwhile === true) return { left: "depends on the moment", next: "goes on from what the rows say", held };
    return { left: (scenario.say?.left ?? whatWasLeft)(left), next: (scenario.say?.next ?? whatWasNext)(left, after, world), held };
  } finally {
    over = true;
    mortal?.signal("SIGKILL");
    await mortal?.gone;
    for (const opened of world?.opened ?? []) await opened[Symbol.asyncDispose]();
    await stack.close();
  }
}

function orders(scenario: Scenario, point: Point | undefined): Orders {
  return {
    known,
    ...(scenario.slow === undefined ? {} : { slow: scenario.slow }),
    ...(point === undefined ? {} : { die: { which: known.indexOf(point.row.line.source), nth: point.row.nth ?? 1, when: point.when, ...(point.row.since === undefined ? {} : { since: known.indexOf(point.row.since.source) }) } }),
  };
}

const soon = async <T>(wanted: Promise<T>): Promise<T | "lives"> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"lives">((resolve) => {
    timer = setTimeout(() => resolve("lives"), afterwards);
  });
  return Promise.race([wanted, late]).finally(() => clearTimeout(timer));
};

/** A statement that was on its way when the process died may still be carried out; then the connection ends. */
async function connectionsGone(db: Db, kind: string): Promise<void> {
  await eventually(async () => {
    const left = await db.execute(sql`select pid from pg_stat_activity where datname = current_database() and application_name = ${`leasehold ${kind}`}`);
    expect([...left]).toEqual([]);
  }, poll);
}

/** As if half a minute had gone by: the dead one's claims have lapsed, and what nobody answered is due. */
async function letTimePass(db: Db, dead: number): Promise<void> {
  const earlier = sql`claim_until = claim_until - interval '30 s', due_at = due_at - interval '30 s'`;
  for (const table of ["runs", "environment_leases", "executions"]) {
    await db.execute(sql`update ${sql.identifier(table)} set ${earlier} where claim_owner is null or claim_owner like ${`% ${dead} %`}`);
  }
}

/** Whatever has a lease's name on the disk has a row of that key. */
async function expectKeysDurable(stack: Stack, db: Db): Promise<void> {
  const names = (await readdir(join(stack.config.dataDir, "leases")).catch(() => [])).filter((name) => !name.startsWith("."));
  const keys = [...(await db.execute(sql`select resource_key from environment_leases`))].map((row) => String(row["resource_key"]));
  expect(keys, "I1: keys in rows").toEqual(expect.arrayContaining(names));
}

/** All that has to be true in the end; gives the invariants that this shows. */
async function expectAll(stack: Stack, { expected }: Scenario, after: Rows): Promise<readonly string[]> {
  const { db } = stack.base.database;
  expect(after.runs.map(({ outcome }) => outcome), "I8: outcomes of runs").toEqual(expected.runs);
  expect(after.executions.map(({ outcome }) => outcome), "I8: outcomes of executions").toEqual(expected.executions.map(({ outcome }) => outcome));
  const stdout: string[] = [];
  for (const { id } of after.executions) {
    const pieces = await db.execute(sql`select bytes from execution_output where execution_id = ${id} and stream = 'stdout' order by start`);
    stdout.push(Buffer.concat([...pieces].map((row) => row["bytes"] as Buffer)).toString());
  }
  expect(stdout, "I7: output").toEqual(expected.executions.map((x) => x.stdout));
  expect(after.executions.map((x) => [x.complete, x.bytes]), "I7: complete").toEqual(expected.executions.map((x) => [true, x.stdout.length]));
  const starts = await Promise.all(expected.executions.map((_, n) => startsOf(stack, n)));
  expect(starts, "I6: starts").toEqual(expected.executions.map((x) => x.starts));
  await eventually(async () => {
    const now = await read(db, 0);
    expect(now.leases.map(({ state }) => state), "I2, I4: leases").toEqual(expected.leases);
    expect(now.leases.every(({ state }) => finalLeaseStates.includes(state)), "I4: final").toBe(true);
    expect(await leftovers(stack.config.dataDir), "I2: nothing is left").toEqual([]);
  }, poll);
  for (const { id } of after.leases) {
    const fences = after.events.filter((event) => event.lease === id).map(({ fence }) => fence);
    expect(fences, "I5: fences only grow").toEqual(fences.toSorted((a, b) => a - b));
    const tenures = after.events.filter((event) => event.lease === id && event.takes).map(({ fence }) => fence);
    expect(new Set(tenures).size, "I5: a fence is given once").toBe(tenures.length);
  }
  return ["I1", "I2", "I4", "I5", ...(expected.executions.length > 0 ? ["I6", "I7"] : []), "I8"];
}
