import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { newId } from "../../src/domain/ids.ts";

interface OwnDatabase {
  readonly name: string;
  readonly url: string;
  drop(): Promise<void>;
}

async function createDatabase(server: string, template?: string): Promise<OwnDatabase> {
  const name = `t_${randomBytes(6).toString("hex")}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}${template === undefined ? "" : ` template ${template}`}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    drop: async () => {
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end({ timeout: 1 });
    },
  };
}

/** Migrates once for a whole test run; copying what was made takes a fraction of the time. */
export async function makeTemplate(server: string): Promise<OwnDatabase> {
  const template = await createDatabase(server);
  await migrateDatabase(template.url);
  await inDatabase(template.url, "delete from installation");
  return template;
}

/** An empty database of its own with the schema of this version, gone with `drop`. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const database = await createDatabase(inject("databaseUrl"), inject("template"));
  // Each is an installation of its own, as if it had been migrated.
  await inDatabase(database.url, `insert into installation (id) values ('${newId()}')`);
  return database;
}

async function inDatabase(url: string, statement: string): Promise<void> {
  const client = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await client.unsafe(statement);
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** A prefix nobody else uses. */
export const freshPrefix = (): string => `{t${randomBytes(6).toString("hex")}}`;
