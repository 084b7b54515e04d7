import { bigint, customType, integer, text, timestamp, uuid } from "drizzle-orm/pg-core";

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
