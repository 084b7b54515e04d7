import { and, asc, eq, sql } from "drizzle-orm";
import { invalid } from "../domain/errors.ts";
import { environmentInactive } from "../domain/lease.ts";
import type { Db } from "./client.ts";
import { type Environment, type NewEnvironment, orTaken } from "./environments.ts";
import { type Lease, moveLeases } from "./leases.ts";
import { rowsOf } from "./rows.ts";
import { companies, environments, leases, openSql } from "./schema.ts";

/**
 * What happens to an environment that is there. Each change locks its row against new leases: a lease's row refers to it, so
 * whoever inserts one waits, and then sees what has become of it; whoever was quicker is seen here.
 */

export type EnvironmentChange = Partial<Omit<NewEnvironment, "driver" | "backend">>;

/** The company's environment, locked until the transaction ends. Throws `invalid` (404) when it has been deleted. */
async function lock(tx: Db, companyId: string, id: string): Promise<Environment> {
  const [row] = await tx.select().from(environments).where(and(eq(environments.companyId, companyId), eq(environments.id, id))).for("update");
  if (row === undefined) throw invalid("environment_not_found", `no environment has the id ${id}`, { status: 404 });
  return row;
}

/**
 * Changes an environment to what `change` makes of it as it is by then, which it may do in the same transaction. Throws `invalid`: 404, 409 when the name is taken,
 * and whatever `change` throws.
 */
export async function changeEnvironment(db: Db, companyId: string, id: string, change: (now: Environment, tx: Db) => EnvironmentChange | Promise<EnvironmentChange>): Promise<{ before: Environment; after: Environment }> {
  return db.transaction(async (tx) => {
    const before = await lock(tx, companyId, id);
    const wanted = await change(before, tx);
    if (Object.keys(wanted).length === 0) return { before, after: before };
    const [after] = await tx.update(environments).set({ ...wanted, updatedAt: sql`clock_timestamp()` }).where(eq(environments.id, id)).returning().catch(orTaken(wanted.name ?? before.name));
    if (after === undefined) throw new Error(`environment ${id} vanished under its lock`);
    return { before, after };
  });
}

/** What came of archiving an environment, or of having it active again. */
export interface StatusChange {
  readonly environment: Environment;
  /** Whether it was not so before. */
  readonly changed: boolean;
  /** Leases that nobody had begun to acquire, and that were ended with it. */
  readonly ended: readonly Lease[];
}

/** Leases that wait for their first claim. */
const waiting = (environment: Environment) =>
  sql`select id from environment_leases l where l.backend = ${environment.backend} and l.status = 'requested' and l.fence = 0 and l.company_id = ${environment.companyId} and l.environment_id = ${environment.id}`;

/**
 * Makes an environment `archived` or `active`. With the first, no lease can be made there any more, and those that wait for
 * their first claim fail with `environment_inactive`; one that is being claimed at this moment goes on, as all others do.
 */
export async function setEnvironmentStatus(db: Db, companyId: string, id: string, status: Environment["status"], who: string): Promise<StatusChange> {
  return db.transaction(async (tx) => {
    const before = await lock(tx, companyId, id);
    if (before.status === status) return { environment: before, changed: false, ended: [] };
    const [environment] = await tx.update(environments).set({ status, updatedAt: sql`clock_timestamp()` }).where(eq(environments.id, id)).returning();
    if (environment === undefined) throw new Error(`environment ${id} vanished under its lock`);
    if (status === "active") return { environment, changed: true, ended: [] };
    const wait = await tx.select().from(leases).where(sql`${leases.id} in (${waiting(environment)})`);
    const ended = await moveLeases(tx, wait, { event: "timeout", who, why: "its environment was archived", patch: { failureReason: environmentInactive } });
    return { environment, changed: true, ended };
  });
}

/** How many leases of an environment have not ended. */
export async function countOpenLeases(db: Db, { companyId, id }: Pick<Environment, "companyId" | "id">): Promise<number> {
  const [row] = await rowsOf(db, sql`select count(*)::int as n from environment_leases where company_id = ${companyId} and environment_id = ${id} and ${openSql}`);
  return Number(row?.["n"] ?? 0);
}

/** So many of each are named to whoever wants to delete what is in use. */
const named = 10;

/** The environment that a run's request names: the first level that does, as `chooseEnvironment` takes it. */
const namedByRun = sql.raw(`coalesce(${["executionWorkspace", "issue", "project", "agent"].map((level) => `request->'environment'->>'${level}'`).join(", ")})`);

/**
 * Deletes an environment that nothing uses. What has ended there outlives it, without its id. Throws `invalid`: 404, and 409
 * `environment_in_use` with what uses it, a fault each: leases that are open, retained and stuck ones too, runs that wait to
 * be decided about and name it, and the company whose default it is.
 */
export async function deleteEnvironment(db: Db, companyId: string, id: string): Promise<Environment> {
  return db.transaction(async (tx) => {
    const environment = await lock(tx, companyId, id);
    const open = await tx
      .select({ id: leases.id, state: leases.state })
      .from(leases)
      .where(and(eq(leases.companyId, companyId), eq(leases.environmentId, id), openSql))
      .orderBy(asc(leases.id));
    const runs = (await rowsOf(tx, sql`select id from runs where company_id = ${companyId} and phase = 'accepted' and ${namedByRun} = ${id} order by id`)).map((row) => String(row["id"]));
    const isDefault = (await tx.select({ id: companies.id }).from(companies).where(and(eq(companies.id, companyId), eq(companies.defaultEnvironmentId, id)))).length > 0;
    const uses = [
      ...open.slice(0, named).map((lease) => ({ field: "lease", message: `${lease.id} is ${lease.state}` })),
      ...runs.slice(0, named).map((run) => ({ field: "run", message: `${run} waits for it` })),
      ...(isDefault ? [{ field: "default", message: "runs that name no environment get it; choose another default first" }] : []),
    ];
    if (uses.length > 0) {
      const counts = [`${open.length} open ${open.length === 1 ? "lease" : "leases"}`, `${runs.length} waiting ${runs.length === 1 ? "run" : "runs"}`].filter((_count, i) => [open, runs][i]?.length !== 0);
      const what = [...counts, ...(isDefault ? ["the company, as its default"] : [])].join(", ");
      throw invalid("environment_in_use", `environment ${environment.name} is used by ${what}; archive it, and delete it when all that has ended`, { status: 409, faults: uses });
    }
    await tx.delete(environments).where(eq(environments.id, id));
    return environment;
  });
}
