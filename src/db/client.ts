import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { pools, timing } from "../domain/defaults.ts";
import { endingWithConnection } from "./begin.ts";
import { connector } from "./connector.ts";
import { preparing } from "./prepared.ts";
import * as schema from "./schema.ts";

/** A database or an open transaction; functions of this room take either. */
export type Db = Pick<PostgresJsDatabase<typeof schema>, "select" | "insert" | "update" | "delete" | "execute" | "transaction">;

export interface Database {
  readonly db: Db;
  /** Another pool, to the same database, whose statements do not wait behind those of this one. To be closed by itself. */
  beside(name: string, max: number): Database;
  /** Ends the pool; statements under way get `deadlineMs`. */
  close(deadlineMs?: number): Promise<void>;
}

/** Opens a pool of connections to `url`. Connects lazily; a server that is down is found out by the first statement. */
export function openDatabase(url: string, options: { name: string; max?: number }): Database {
  const how = {
    max: options.max ?? pools.postgres,
    connect_timeout: timing.connect / 1000,
    // The driver asks for the array types on each new connection, and ends the process when the connection is lost over that.
    fetch_types: false,
    idle_timeout: 60,
    // Documented by postgres.js, but not among its types.
    socket: connector(timing.silence),
    // Our own backoff decides when to try again (see retry.ts); the driver's would keep a recovered server waiting.
    backoff: () => 0.1,
    connection: { application_name: `leasehold ${options.name}`, idle_in_transaction_session_timeout: timing.idleTransaction },
    onnotice: () => {},
  };
  const client = endingWithConnection(preparing(postgres(url, how)));
  return {
    db: drizzle(client, { schema }),
    beside: (name, max) => openDatabase(url, { name, max }),
    close: (deadlineMs = 5000) => client.end({ timeout: deadlineMs / 1000 }),
  };
}
