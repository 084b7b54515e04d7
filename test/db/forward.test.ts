import { readdirSync, readFileSync } from "node:fs";
import { sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { schemaState } from "../../src/db/migrations.ts";
import { checkSchema } from "../../src/app/check-schema.ts";
import { openDatabase } from "../../src/db/client.ts";
import { freshDatabase } from "../support/database.ts";
import { quietLog } from "../support/quiet-log.ts";

/**
 * Statements that can break the version before, which goes on working while this one is brought out: first expand, then, a
 * version later, contract.
 */
const breaking: readonly [RegExp, string][] = [
  [/\bdrop\s+(table|column|schema|type|view|function|sequence)\b/i, "takes away what the version before uses"],
  [/\brename\b/i, "takes a name away"],
  [/\balter\s+column\b.*\b(set\s+data\s+)?type\b/is, "changes what a column holds"],
  [/\bset\s+not\s+null\b/i, "refuses rows that the version before writes"],
  [/\bdrop\s+default\b/i, "refuses rows that the version before writes"],
  [/\badd\s+column\b(?!.*\bdefault\b).*\bnot\s+null\b/is, "refuses rows that the version before writes"],
  [/\badd\s+constraint\b/i, "may refuse rows that the version before writes"],
  [/\bcreate\s+unique\s+index\b/i, "may refuse rows that the version before writes"],
  [/\b(truncate|delete\s+from)\b/i, "takes rows away"],
];

/** Reviewed: what a statement begins with, and why the version before does not mind. */
const allowed: Readonly<Record<string, string>> = {
  'CREATE UNIQUE INDEX "executions_idempotency"': "on a column that the version before leaves null",
  'CREATE UNIQUE INDEX "leases_idempotency"': "on a column that the version before leaves null",
  'ALTER TABLE "executions" ADD CONSTRAINT "executions_final_forgets"': "about a column that the version before leaves null",
  'ALTER TABLE "executions" ADD CONSTRAINT "executions_run_has_ordinal"': "the version before always writes both",
  'ALTER TABLE "executions" ADD CONSTRAINT "executions_key_has_hash"': "about columns that the version before leaves null",
  'ALTER TABLE "environment_leases" ADD CONSTRAINT "leases_key_has_hash"': "about columns that the version before leaves null",
  'ALTER TABLE "executions" ADD CONSTRAINT "executions_redaction_has_key"': "about columns that the version before leaves null",
  'ALTER TABLE "companies" ADD CONSTRAINT "companies_max_leases"': "about a column that the version before leaves null",
  'ALTER TABLE "environment_leases" ADD CONSTRAINT "leases_priority"': "about a column that the version before leaves at its default",
};

interface Found {
  readonly statement: string;
  readonly why: string;
}

/** What of a migration could break the version before. What is said of a table that the migration makes itself cannot. */
function breakingIn(text: string): Found[] {
  const statements = text
    .split("--> statement-breakpoint")
    .map((part) => part.replaceAll(/^\s*--.*$/gm, "").trim())
    .filter((part) => part !== "");
  const made = new Set(statements.flatMap((s) => /^create table (?:if not exists )?"(\w+)"/i.exec(s)?.[1] ?? []));
  return statements.flatMap((statement) => {
    const table = /^(?:alter table|create (?:unique )?index .*? on) (?:only )?"(\w+)"/is.exec(statement)?.[1];
    if (/^create table\b/i.test(statement) || (table !== undefined && made.has(table))) return [];
    return breaking.flatMap(([pattern, why]) => (pattern.test(statement) ? [{ statement, why }] : []));
  });
}

const isAllowed = ({ statement }: Found): boolean => Object.keys(allowed).some((start) => statement.startsWith(start));

describe("migrations", () => {
  const files = readdirSync("migrations").filter((name) => name.endsWith(".sql"));
  // The first one has no version before it.
  it.each(files.filter((name) => !name.startsWith("0000_")))("%s does nothing that breaks the version before", (name) => {
    expect(breakingIn(readFileSync(`migrations/${name}`, "utf8")).filter((found) => !isAllowed(found))).toEqual([]);
  });

  it("name what was reviewed exactly", () => {
    const found = files.filter((name) => !name.startsWith("0000_")).flatMap((name) => breakingIn(readFileSync(`migrations/${name}`, "utf8")));
    for (const start of Object.keys(allowed)) expect(found.some(({ statement }) => statement.startsWith(start)), start).toBe(true);
  });

  it.each([
    'ALTER TABLE "runs" DROP COLUMN "offer";',
    'DROP TABLE "runs";',
    'ALTER TABLE "runs" RENAME COLUMN "offer" TO "attempt";',
    'ALTER TABLE "runs" RENAME TO "jobs";',
    'ALTER TABLE "runs" ALTER COLUMN "offer" SET DATA TYPE bigint;',
    'ALTER TABLE "runs" ALTER COLUMN "deadline" SET NOT NULL;',
    'ALTER TABLE "runs" ADD COLUMN "priority" integer NOT NULL;',
    'ALTER TABLE "runs" ALTER COLUMN "version" DROP DEFAULT;',
    'ALTER TABLE "runs" ADD CONSTRAINT "c" CHECK (true);',
    'CREATE UNIQUE INDEX "i" ON "runs" USING btree ("phase");',
    'CREATE TABLE "new" ("id" uuid);--> statement-breakpoint\nDELETE FROM "runs";',
  ])("with %s would be refused", (statement) => {
    expect(breakingIn(statement)).toHaveLength(1);
  });

  it.each([
    'ALTER TABLE "runs" ADD COLUMN "note" text;',
    'ALTER TABLE "runs" ADD COLUMN "priority" integer DEFAULT 0 NOT NULL;',
    'ALTER TABLE "runs" ALTER COLUMN "offer" DROP NOT NULL;',
    'ALTER TABLE "runs" DROP CONSTRAINT "runs_phase";',
    'CREATE INDEX "i" ON "runs" USING btree ("phase");',
    'CREATE TABLE "new" ("id" uuid NOT NULL);--> statement-breakpoint\nALTER TABLE "new" ADD CONSTRAINT "c" CHECK (true);--> statement-breakpoint\nCREATE UNIQUE INDEX "i" ON "new" USING btree ("id");',
  ])("with %s would be taken", (statement) => {
    expect(breakingIn(statement)).toEqual([]);
  });
});

describe("a process at its start", () => {
  it("refuses a database that lacks a migration it needs, naming the remedy", async () => {
    const made = await freshDatabase();
    const database = openDatabase(made.url, { name: "test", max: 1 });
    await checkSchema({ database, log: quietLog });
    await database.db.execute(sql`delete from drizzle.__drizzle_migrations where created_at = (select max(created_at) from drizzle.__drizzle_migrations)`);
    const last = readdirSync("migrations").filter((name) => name.endsWith(".sql")).toSorted().at(-1)?.replace(".sql", "") ?? "";
    await expect(checkSchema({ database, log: quietLog })).rejects.toMatchObject({ kind: "refused", code: "database_outdated", message: expect.stringMatching(new RegExp(`lacks .*${last}\\. Run .leasehold migrate`)) as string });
    await database.db.execute(sql`drop schema drizzle cascade`);
    expect((await schemaState(database.db)).missing).toHaveLength(readdirSync("migrations").filter((name) => name.endsWith(".sql")).length);
    await database.close();
    await made.drop();
  });

  it("works on a database that a newer version has migrated, and says so", async () => {
    const made = await freshDatabase();
    const database = openDatabase(made.url, { name: "test", max: 1 });
    await database.db.execute(sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('newer', 9999999999999)`);
    expect(await schemaState(database.db)).toEqual({ missing: [], newer: 1 });
    await checkSchema({ database, log: quietLog });
    await database.close();
    await made.drop();
  });

  it("leaves a database that is away to whoever asks it next", async () => {
    const database = openDatabase("postgres://127.0.0.1:1/nowhere", { name: "test", max: 1 });
    await checkSchema({ database, log: quietLog });
    await database.close();
  });
});
