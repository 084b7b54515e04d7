import { type Column, getTableColumns, type InferSelectModel, is, SQL, sql, type Table } from "drizzle-orm";
import type { Db } from "./client.ts";

/** A row of `table` as a hand-written statement returned it, with the types that the query builder would give. */
export function decode<T extends Table>(table: T, row: Record<string, unknown>): InferSelectModel<T> {
  const entries = Object.entries(getTableColumns(table)).map(([key, column]: [string, Column]) => {
    const value = row[column.name];
    return [key, value === null || value === undefined ? null : column.mapFromDriverValue(value)];
  });
  return Object.fromEntries(entries) as InferSelectModel<T>;
}

/**
 * A table's columns by name, for a hand-written statement that reads all that `decode` wants. Not `*`: that gives one more once a
 * newer version has added it, and a statement that was prepared before then fails ("cached plan must not change result type").
 */
export const columnsOf = (table: Table, alias?: string): SQL =>
  sql.raw(Object.values(getTableColumns(table) as Record<string, Column>).map(({ name }) => (alias === undefined ? `"${name}"` : `${alias}."${name}"`)).join(", "));

/** Runs a statement and gives its rows. */
export async function rowsOf(db: Db, statement: SQL): Promise<Record<string, unknown>[]> {
  return [...(await db.execute(statement))] as Record<string, unknown>[];
}

/** A text column of a hand-written statement. */
export const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** `now + ms` by the database's clock. */
export const inMs = (ms: number): SQL => sql`clock_timestamp() + make_interval(secs => ${ms / 1000})`;

/** What an UPDATE sets, by column name: a later entry for a column replaces an earlier one. */
export class Assignments {
  readonly #byColumn = new Map<string, SQL>();

  set(column: string, value: SQL): this {
    this.#byColumn.set(column, value);
    return this;
  }

  /** Adds a patch whose keys are the table's own; a value may be SQL. Undefined leaves a column alone. */
  patch<T extends Table>(table: T, patch: Partial<Record<keyof InferSelectModel<T>, unknown>>): this {
    const columns = getTableColumns(table) as Record<string, Column>;
    for (const [key, value] of Object.entries(patch)) {
      const column = columns[key];
      if (column === undefined) throw new Error(`no column ${key}`);
      if (value !== undefined) this.set(column.name, is(value, SQL) ? value : sql`${sql.param(value, column)}`);
    }
    return this;
  }

  get sql(): SQL {
    return sql.join(
      [...this.#byColumn].map(([column, value]) => sql`${sql.identifier(column)} = ${value}`),
      sql`, `,
    );
  }
}
