import { sql } from "drizzle-orm";
import { index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { id, moment } from "./columns.ts";

export const workers = pgTable(
  "workers",
  {
    id: id(),
    host: uuid("host").notNull(),
    hostName: text("host_name").notNull(),
    pid: integer("pid").notNull(),
    version: text("version").notNull(),
    backends: text("backends").array().notNull(),
    startedAt: moment("started_at").notNull().default(sql`clock_timestamp()`),
    beatAt: moment("beat_at").notNull().default(sql`clock_timestamp()`),
  },
  (t) => [index("workers_beat").on(t.beatAt)],
);
