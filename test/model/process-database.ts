import { drizzle } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import type { Db } from "../../src/db/client.ts";
import * as schema from "../../src/db/schema.ts";
import type { Process } from "./process.ts";

/** Changes a statement on its way to the database: a bug, planted to see that it is found. */
export type Rewrite = (statement: string) => string;

/**
 * The database as one process has it: each statement is an effect. So is a transaction as a whole: of one that is not
 * committed nothing is left, so dying inside it is dying before it.
 */
export function processDatabase(client: postgres.Sql, process: Process, rewrite: Rewrite): Db {
  const gated = new Proxy(client, {
    get(target, name) {
      if (name === "unsafe") return statementsOf(target, rewrite, (text, act) => process.effect("database", short(text), act));
      if (name === "begin") {
        return (work: (tx: postgres.TransactionSql) => Promise<unknown>) =>
          process.effect("database", "transaction", () => target.begin((tx) => work(rewritten(tx, rewrite))));
      }
      return Reflect.get(target, name) as unknown;
    },
  });
  return drizzle(gated, { schema });
}

type Around = <T>(text: string, act: () => Promise<T>) => Promise<T>;
type Unsafe = postgres.Sql["unsafe"];
type Query = ReturnType<Unsafe>;

/** `unsafe`, as the query builder uses it: it awaits the query, or its `values()`. */
const statementsOf = (target: { unsafe: Unsafe }, rewrite: Rewrite, around: Around) => (...[text, ...rest]: Parameters<Unsafe>) => {
  const query = (): Query => target.unsafe(rewrite(text), ...rest);
  return {
    values: () => around(text, async () => query().values()),
    // oxlint-disable-next-line unicorn/no-thenable -- queries of postgres.js are, and nothing is sent before they are awaited
    then: (...handlers: Parameters<Query["then"]>) => around(text, async () => query()).then(...handlers),
  };
};

const rewritten = (tx: postgres.TransactionSql, rewrite: Rewrite): postgres.TransactionSql =>
  new Proxy(tx, {
    get: (target, name) => (name === "unsafe" ? statementsOf(target, rewrite, (_text, act) => act()) : (Reflect.get(target, name) as unknown)),
  });

/** The statement's verbs and tables, for the report. */
function short(text: string): string {
  const parts = [...text.matchAll(/\b(?:select|update|insert into|delete from|from)\s+"?(?:environment_leases|lease_events|runs|executions|execution_output|installation|environments|workers|activity_log|companies)\b/g)];
  const names = parts.map(([part]) => part.replace(/\s+/g, " ").replaceAll('"', ""));
  return [...new Set(names)].slice(0, 2).join(", ") || text.trim().replace(/\s+/g, " ").slice(0, 60);
}
