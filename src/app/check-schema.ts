import { isOutage } from "../db/retry.ts";
import { schemaState, type SchemaState } from "../db/migrations.ts";
import { refused } from "../domain/errors.ts";
import type { Base } from "./base.ts";
import { packageVersion } from "./version.ts";

/**
 * Looks whether this version can work on the database, before anything is done there. One that a newer version has migrated
 * is fine: migrations take nothing away from the version before. Throws `refused` `database_outdated` when it lacks what this
 * version needs. A database that is away is left to whoever asks it next.
 */
export async function checkSchema({ database, log }: Pick<Base, "database" | "log">): Promise<void> {
  let state: SchemaState;
  try {
    state = await schemaState(database.db);
  } catch (err) {
    if (!isOutage(err)) throw err;
    log.warn({ err }, "the database cannot be reached; whether it has this version's schema was not looked at");
    return;
  }
  const { missing, newer } = state;
  if (missing.length > 0) {
    throw refused("database_outdated", `the database lacks what this version (${packageVersion()}) needs: ${missing.join(", ")}. Run \`leasehold migrate\` of this version, then start again`);
  }
  if (newer > 0) log.info({ newer }, "the database was migrated by a newer version; this one works on it");
}
