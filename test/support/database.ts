import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";
import { migrateDatabase } from "../../src/db/migrate.ts";
import { newId } from "../../src/domain/ids.ts";

export interface OwnDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** One connection, closed when it is idle: for each server this process makes databases on. */
const admins = new Map<string, postgres.Sql>();
function adminOf(server: string): postgres.Sql {
  const known = admins.get(server);
  if (known !== undefined) return known;
  const admin = postgres(server, { max: 1, idle_timeout: 5, onnotice: () => {} });
  admins.set(server, admin);
  return admin;
}

async function createDatabase(server: string, name: string, from = ""): Promise<OwnDatabase> {
  const admin = adminOf(server);
  await admin.unsafe(`create database ${name}${from}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: async () => void (await admin.unsafe(`drop database if exists ${name} with (force)`)) };
}

const random = (): string => randomBytes(6).toString("hex");

/** Migrates once for a whole test run; copying what was made takes a fraction of the time. `drop` drops the copies too. */
export async function makeTemplate(server: string): Promise<{ readonly name: string; drop(): Promise<void> }> {
  const name = `t_${random()}`;
  const template = await createDatabase(server, name);
  await migrateDatabase(template.url);
  await inDatabase(template.url, "delete from installation");
  return {
    name,
    drop: async () => {
      const admin = adminOf(server);
      const copies = await admin<{ datname: string }[]>`select datname from pg_database where starts_with(datname, ${`${name}_`})`;
      for (const copy of copies) await admin.unsafe(`drop database ${copy.datname} with (force)`);
      await template.drop();
      await admin.end({ timeout: 1 });
    },
  };
}

/** Makes a database an installation of its own, as if it had been migrated. */
export const newInstallation = (): string => `insert into installation (id) values ('${newId()}')`;

/** An empty database of its own with the schema of this version, gone with `drop`. */
export async function freshDatabase(): Promise<OwnDatabase> {
  const template = inject("template");
  // The files are copied, which costs less than to write all that is in them to the log.
  const database = await createDatabase(inject("databaseUrl"), `${template}_${random()}`, ` template ${template} strategy file_copy`);
  await inDatabase(database.url, newInstallation());
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
