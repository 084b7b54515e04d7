import type { Config } from "../config.ts";
import { migrateDatabase } from "../db/migrate.ts";
import { invalid } from "../domain/errors.ts";

/** Brings the configured database to this version's schema. Twice at once is safe. */
export async function runMigrate(config: Config): Promise<void> {
  if (config.databaseUrl === undefined) throw invalid("services_unconfigured", "DATABASE_URL must be set for `leasehold migrate`; `leasehold up` migrates its own database");
  await migrateDatabase(config.databaseUrl);
}
