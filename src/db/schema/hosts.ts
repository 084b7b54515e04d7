import { sql } from "drizzle-orm";
import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { createdAt, id, moment } from "./columns.ts";

/** Machines that run workers. A row outlives its workers: leases may be bound to the machine. */
export const hosts = pgTable(
  "hosts",
  {
    /** As the machine's data directory says. */
    id: id(),
    name: text("name").notNull(),
    /** All that its workers have served: its queues are named so. */
    backends: text("backends").array().notNull(),
    /** Since when it is given no new leases; null while it is. */
    drainingAt: moment("draining_at"),
    /** The last number that the fleet agreed with this machine on, which the machine keeps too: whether the database is the one it was. */
    witness: uuid("witness"),
    createdAt: createdAt(),
    beatAt: moment("beat_at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [index("hosts_beat").on(t.beatAt)],
);
