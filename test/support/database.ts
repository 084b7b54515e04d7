import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";
import { migrateDatabase } from "../../src/db/migrate.ts";

/** An empty database of its own with the schema of this version, gone with `drop`. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const admin = new URL(inject("databaseUrl"));
  const name = `t_${randomBytes(6).toString("hex")}`;
  const sql = postgres(admin.href, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create database ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  await migrateDatabase(url.href);
  return {
    url: url.href,
    drop: async () => {
      await sql.unsafe(`drop database ${name} with (force)`);
      await sql.end({ timeout: 1 });
    },
  };
}

/** A prefix nobody else uses. */
export const freshPrefix = (): string => `{t${randomBytes(6).toString("hex")}}`;
