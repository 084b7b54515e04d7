import { and, asc, eq, gt, type InferSelectModel, sql } from "drizzle-orm";
import { invalid } from "../domain/errors.ts";
import { isId, newId } from "../domain/ids.ts";
import type { Db } from "./client.ts";
import { violated } from "./retry.ts";
import { environments } from "./schema.ts";

export type Environment = InferSelectModel<typeof environments>;
export type NewEnvironment = Pick<Environment, "name" | "description" | "driver" | "backend" | "config" | "envVars" | "maxLeases" | "metadata">;

/** Throws `invalid` (409) when the name is taken or the company has its one local environment already. */
export async function insertEnvironment(db: Db, companyId: string, row: NewEnvironment, id: string = newId()): Promise<Environment> {
  const [made] = await db.insert(environments).values({ id, companyId, ...row }).returning().catch(orTaken(row.name));
  if (made === undefined) throw new Error("insert of an environment gave no row");
  return made;
}

/** What to throw instead of a violated constraint of the table. */
export const orTaken =
  (name: string) =>
  (error: unknown): never => {
    const constraint = violated(error);
    if (constraint === "environments_name") {
      throw invalid("environment_name_taken", `there is an environment named ${name} already; choose another name`, { status: 409 });
    }
    if (constraint === "environments_one_local") {
      throw invalid("environment_local_exists", "a company has one local environment, and this one has it already; use that", { status: 409 });
    }
    throw error;
  };

/** The company's one local environment, made on demand. */
export async function ensureLocalEnvironment(db: Db, companyId: string): Promise<Environment> {
  const existing = async () => (await db.select().from(environments).where(and(eq(environments.companyId, companyId), eq(environments.driver, "local"))))[0];
  const found = await existing();
  if (found !== undefined) return found;
  await db
    .insert(environments)
    .values({ id: newId(), companyId, name: "Local", description: "The machine of the worker that takes the run", driver: "local", backend: "local" })
    .onConflictDoNothing();
  const made = await existing();
  if (made !== undefined) return made;
  throw invalid("environment_name_taken", "an environment that is not local is named Local; rename it, or choose an environment in the request", { status: 409 });
}

export async function findEnvironment(db: Db, companyId: string, id: string): Promise<Environment | undefined> {
  const [row] = await db.select().from(environments).where(and(eq(environments.companyId, companyId), eq(environments.id, id)));
  return row;
}

/** A company's environment by id or name; another company's looks like none (I12). A name may look like an id: the id counts first. */
export async function getEnvironment(db: Db, companyId: string, wanted: string): Promise<Environment> {
  const byId = isId(wanted) ? await findEnvironment(db, companyId, wanted) : undefined;
  // Postgres takes no NUL in a text, so no name has one.
  const byName = async () => (wanted.includes("\0") ? undefined : (await listEnvironments(db, companyId, { limit: 1, name: wanted }))[0]);
  const found = byId ?? (await byName());
  if (found !== undefined) return found;
  const meant = wanted.includes("\0") ? undefined : await nameInOtherCase(db, companyId, wanted);
  throw invalid("environment_not_found", `no environment has the id or name ${wanted.slice(0, 100)}${meant === undefined ? "" : `; there is ${meant}`}`, { status: 404 });
}

async function nameInOtherCase(db: Db, companyId: string, wanted: string): Promise<string | undefined> {
  const [row] = await db.select({ name: environments.name }).from(environments).where(and(eq(environments.companyId, companyId), sql`lower(${environments.name}) = lower(${wanted})`)).limit(1);
  return row?.name;
}

export const environmentStatuses = environments.status.enumValues;

interface EnvironmentPage {
  readonly limit: number;
  /** Begin after this name. */
  readonly after?: string | undefined;
  readonly name?: string;
  readonly driver?: Environment["driver"] | undefined;
  readonly status?: Environment["status"] | undefined;
}

/** A page of a company's environments, by name. */
export async function listEnvironments(db: Db, companyId: string, page: EnvironmentPage): Promise<Environment[]> {
  return db
    .select()
    .from(environments)
    .where(
      and(
        eq(environments.companyId, companyId),
        page.after === undefined ? undefined : gt(environments.name, page.after),
        page.name === undefined ? undefined : eq(environments.name, page.name),
        page.driver === undefined ? undefined : eq(environments.driver, page.driver),
        page.status === undefined ? undefined : eq(environments.status, page.status),
      ),
    )
    .orderBy(asc(environments.name))
    .limit(page.limit);
}
