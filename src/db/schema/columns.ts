import { sql, type SQL } from "drizzle-orm";
import { bigint, check, customType, integer, text, timestamp, uuid } from "drizzle-orm/pg-core";

/** `bytea` as a Buffer. */
export const bytea = customType<{ data: Buffer; driverData: Buffer | string }>({
  dataType: () => "bytea",
  fromDriver: (value) => (typeof value === "string" ? Buffer.from(value.slice(2), "hex") : value),
});

/** A moment, judged by the database's clock. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** A count of bytes; up to 2^53, far beyond any cap. */
export const byteCount = (name: string) => bigint(name, { mode: "number" });

/** One worker's temporary right to work on a row. All three are set or none is (a CHECK in each table). */
export const claimColumns = {
  claimOwner: text("claim_owner"),
  claimToken: uuid("claim_token"),
  claimUntil: moment("claim_until"),
  /** Counted when claimed, reset when the step succeeds. */
  attempt: integer("attempt").notNull().default(0),
};

export const id = () => uuid("id").primaryKey();
export const createdAt = () => moment("created_at").notNull().default(sql`clock_timestamp()`);

/** The values of an enum, for a CHECK. */
export const list = (values: readonly string[]): SQL => sql.raw(values.map((v) => `'${v}'`).join(", "));

/** A row is claimed wholly or not at all. */
export const claimIsWhole = (table: string) => check(`${table}_claim_whole`, sql.raw("num_nulls(claim_owner, claim_token, claim_until) in (0, 3)"));
