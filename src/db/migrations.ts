import { sql } from "drizzle-orm";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Db } from "./client.ts";
import { packageDirectory } from "../package-directory.ts";
import { rowsOf } from "./rows.ts";

/** Where the migrations of this version are. */
export const migrationsFolder = (): string => join(packageDirectory(), "migrations");

const journal = z.object({ entries: z.array(z.object({ tag: z.string(), when: z.number() })) });

/** How a database compares with the migrations that this version comes with. */
export interface SchemaState {
  /** Names of migrations that this version needs and that the database has not had. */
  readonly missing: readonly string[];
  /** Migrations that a newer version made: this one does not know them. */
  readonly newer: number;
}

/** Looks which migrations the database has had. Each is known by the time at which it was made. */
export async function schemaState(db: Db): Promise<SchemaState> {
  const known = journal.parse(JSON.parse(readFileSync(join(migrationsFolder(), "meta/_journal.json"), "utf8"))).entries;
  const [table] = await rowsOf(db, sql`select to_regclass('drizzle.__drizzle_migrations') is not null as made`);
  const rows = table?.["made"] === true ? await rowsOf(db, sql`select created_at from drizzle.__drizzle_migrations`) : [];
  const had = new Set(rows.map((row) => Number(row["created_at"])));
  const missing = known.filter(({ when }) => !had.has(when)).map(({ tag }) => tag);
  return { missing, newer: had.size - (known.length - missing.length) };
}
