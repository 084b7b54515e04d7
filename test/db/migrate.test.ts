import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import postgres from "postgres";
import { expect, inject, it } from "vitest";
import { migrateDatabase } from "../../src/db/migrate.ts";

it("migrating five times at once, and again later, leaves one schema and one installation", async () => {
  const admin = postgres(inject("databaseUrl"), { max: 1, onnotice: () => {} });
  const name = `m_${randomBytes(6).toString("hex")}`;
  await admin.unsafe(`create database ${name}`);
  const url = new URL(inject("databaseUrl"));
  url.pathname = `/${name}`;
  try {
    await Promise.all(Array.from({ length: 5 }, () => migrateDatabase(url.href)));
    const sql = postgres(url.href, { max: 1 });
    const [first] = await sql`select (select count(*)::int from drizzle.__drizzle_migrations) as migrations, (select count(*)::int from installation) as installations, (select min(id::text) from installation) as id`;
    expect(first).toMatchObject({ migrations: readdirSync("migrations").filter((name) => name.endsWith(".sql")).length, installations: 1 });
    await migrateDatabase(url.href);
    const [again] = await sql`select (select count(*)::int from drizzle.__drizzle_migrations) as migrations, (select count(*)::int from installation) as installations, (select min(id::text) from installation) as id`;
    expect(again).toEqual(first);
    await sql.end();
  } finally {
    await admin.unsafe(`drop database ${name} with (force)`);
    await admin.end();
  }
});

it("a database that holds something else is refused in words, and left as it is", async () => {
  const admin = postgres(inject("databaseUrl"), { max: 1, onnotice: () => {} });
  const name = `m_${randomBytes(6).toString("hex")}`;
  await admin.unsafe(`create database ${name}`);
  const url = new URL(inject("databaseUrl"));
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  await sql`create table workers (name text)`;
  await expect(migrateDatabase(url.href)).rejects.toMatchObject({ kind: "refused", code: "migration_failed", message: expect.stringContaining('"workers" already exists') as string });
  expect(await sql`select table_name from information_schema.tables where table_schema = 'public'`).toEqual([{ table_name: "workers" }]);
  await sql.end();
  await admin.unsafe(`drop database ${name} with (force)`);
  await admin.end();
});
