import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { reasonOf, refused } from "../domain/errors.ts";
import { newId } from "../domain/ids.ts";
import { migrationsFolder } from "./migrations.ts";
import { installation } from "./schema.ts";
import { isOutage, throughOutage } from "./retry.ts";

/** Any number; what matters is that every Leasehold uses the same one. */
const lockKey = 7_318_422;

/**
 * Brings the database to this version's schema and makes the installation row. Safe to run twice at once: a session lock
 * lets one in at a time, and the second finds nothing to do. Throws `refused` `migration_failed`, with nothing changed, for a
 * database that something else was made in.
 */
export async function migrateDatabase(url: string): Promise<void> {
  const client = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    await throughOutage(() => client`select pg_advisory_lock(${lockKey})`, { limitMs: 30_000 });
    const db = drizzle(client);
    await migrate(db, { migrationsFolder: migrationsFolder() }).catch((cause: unknown) => {
      if (isOutage(cause)) throw cause;
      throw refused("migration_failed", `the database cannot be brought to this version's schema: ${reasonOf(cause)}. It was made by another version, or holds something else; give Leasehold a database of its own`, { cause });
    });
    await db.insert(installation).values({ id: newId() }).onConflictDoNothing();
  } finally {
    await client.end({ timeout: 5 });
  }
}
