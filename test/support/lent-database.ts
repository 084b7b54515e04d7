import postgres from "postgres";
import { type Database, type Db, openDatabase } from "../../src/db/client.ts";
import { pools } from "../../src/domain/defaults.ts";
import { freshDatabase, newInstallation, type OwnDatabase } from "./database.ts";
import { eventually } from "./eventually.ts";

/**
 * A database that one test after the other has, as new for each, with connections that stay: to open them, and to have each
 * learn the schema, costs more than most tests do.
 */
export interface LentDatabase {
  readonly url: string;
  /** Like `openDatabase`. What was asked after `close` fails as it does there, and the connections are kept for the next. */
  readonly open: typeof openDatabase;
  /** To be called when everything that was opened is closed. A database that is not as new after it, or still in use, is dropped. */
  giveBack(): Promise<void>;
}

interface Kept {
  readonly database: OwnDatabase;
  /** For looking after it, from outside. */
  readonly admin: postgres.Sql;
  readonly wipe: string;
  readonly schema: unknown;
  /** Pools that nobody has, by name and size. */
  readonly pools: Map<string, Database[]>;
}

/** Those that nobody has now. */
const free: Kept[] = [];
const mark = "kept";

export async function borrowDatabase(): Promise<LentDatabase> {
  const kept = free.pop() ?? (await make());
  const open: typeof openDatabase = (url, { name, max = pools.postgres }) => {
    if (url !== kept.database.url) return openDatabase(url, { name, max });
    const key = `${name} ${max}`;
    const idle = kept.pools.get(key) ?? [];
    kept.pools.set(key, idle);
    const pool = idle.pop() ?? openDatabase(url, { name: `${mark} ${name}`, max });
    let closed = false;
    return {
      db: until(() => closed, pool.db),
      beside: (beside, size) => open(url, { name: beside, max: size }),
      close: async () => {
        if (!closed) idle.push(pool);
        closed = true;
      },
    };
  };
  return {
    url: kept.database.url,
    open,
    giveBack: async () => {
      const asNew = await makeAsNew(kept).catch(() => false);
      if (asNew) free.push(kept);
      else await discard(kept);
    },
  };
}

async function make(): Promise<Kept> {
  const database = await freshDatabase();
  const admin = postgres(database.url, { max: 1, idle_timeout: 60, onnotice: () => {} });
  const tables = await admin<{ name: string }[]>`select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`;
  const empty = tables.map(({ name }) => `delete from ${name};`).join(" ");
  // Whoever refers to what is deleted is deleted too: that needs no looking at, whatever the order.
  const wipe = `begin; set local session_replication_role = replica; ${empty} ${newInstallation()}; commit`;
  return { database, admin, wipe, schema: await schemaOf(admin), pools: new Map() };
}

async function makeAsNew({ admin, wipe, schema }: Kept): Promise<boolean> {
  // What had begun may come to its end; processes that were killed take a moment to be missed.
  await eventually(
    async () => {
      const others = await admin`select application_name, state from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and backend_type = 'client backend' and (state <> 'idle' or not starts_with(application_name, ${`leasehold ${mark} `}))`;
      if (others.length > 0) throw new Error(`in use by ${JSON.stringify(others)}`);
    },
    { timeoutMs: 2000 },
  );
  await admin.unsafe(wipe);
  return JSON.stringify(await schemaOf(admin)) === JSON.stringify(schema);
}

/** Tells whether a test has changed anything but rows: every change leaves a newer row in one of these, or one less. */
const schemaOf = (admin: postgres.Sql): Promise<unknown> =>
  admin.unsafe(["pg_class", "pg_attribute", "pg_constraint", "pg_index", "pg_proc", "pg_trigger"].map((table) => `select count(*)::int, max(xmin::text::bigint) from ${table}`).join(" union all "));

async function discard({ database, admin, pools: opened }: Kept): Promise<void> {
  await Promise.all([admin.end({ timeout: 0 }), ...[...opened.values()].flat().map((pool) => pool.close(0))]);
  await database.drop();
}

/** The database until it is closed; then as the driver's client is when it was ended. */
const until = (closed: () => boolean, db: Db): Db =>
  new Proxy(db, {
    get: (target, name): unknown => {
      if (closed()) throw Object.assign(new Error("this test has closed its database"), { code: "CONNECTION_ENDED" });
      return Reflect.get(target, name);
    },
  });
