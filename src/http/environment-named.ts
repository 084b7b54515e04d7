import type { Db } from "../db/client.ts";
import { type Environment, findEnvironment, listEnvironments } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";

/** The company's environment of this id or name. A name may look like an id: the id counts first. Throws `invalid` (404). */
export async function environmentNamed(db: Db, companyId: string, wanted: string): Promise<Environment> {
  const byId = isId(wanted) ? await findEnvironment(db, companyId, wanted) : undefined;
  const found = byId ?? (await byName(db, companyId, wanted));
  if (found === undefined) throw invalid("environment_not_found", `no environment has the id or name ${wanted.slice(0, 100)}`, { status: 404 });
  return found;
}

/** Postgres takes no NUL in a text, so no name has one. */
const byName = async (db: Db, companyId: string, name: string): Promise<Environment | undefined> =>
  name.includes("\0") ? undefined : (await listEnvironments(db, companyId, { limit: 1, name }))[0];
