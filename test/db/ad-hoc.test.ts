import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { insertAdHocExecution } from "../../src/db/ad-hoc.ts";
import { type Database, openDatabase } from "../../src/db/client.ts";
import { ensureCompany } from "../../src/db/companies.ts";
import { abandonExecution, findInput, openExecutions } from "../../src/db/executions.ts";
import { type Lease, moveLease } from "../../src/db/leases.ts";
import { newId } from "../../src/domain/ids.ts";
import { freshDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";

let database: Database;
let companyId: string;
let drop: () => Promise<void>;
beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = () => fresh.drop();
  database = openDatabase(fresh.url, { name: "test" });
  companyId = (await ensureCompany(database.db, "test")).id;
});
afterAll(async () => {
  await database.close();
  await drop();
});

const active = () => insertLeaseIn(database.db, companyId, { state: "active" });
const execution = (lease: Lease) => ({ id: newId(), companyId, leaseId: lease.id, argv: ["true"], input: { env: { A: "hush" } }, timeoutMs: 1000, outputLimit: 1000 });
const release = { event: "release", who: "test", patch: { ending: "released" } } as const;
/** Somebody waits for a lock that another transaction of this database has. */
const somebodyWaits = () =>
  eventually(async () => {
    const [row] = [...(await database.db.execute(sql`select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`))];
    expect(row).toEqual({ waiting: 1 });
  });

describe("an execution and the end of its lease", () => {
  it("I6: who ends the lease waits for an execution that is being written down, and finds it", async () => {
    const lease = await active();
    const row = execution(lease);
    let ending: Promise<Lease> | undefined;
    await database.db.transaction(async (tx) => {
      expect(await insertAdHocExecution(tx, row, null)).toBe(true);
      ending = moveLease(database.db, lease, release);
      await somebodyWaits();
    });
    expect((await ending)?.state).toBe("releasing");
    expect((await openExecutions(database.db, lease.id)).map((x) => x.id)).toEqual([row.id]);
  });

  it("I6: an execution that comes while the lease ends waits, and is refused", async () => {
    const lease = await active();
    let asking: Promise<boolean> | undefined;
    await database.db.transaction(async (tx) => {
      await moveLease(tx, lease, release, { inTransaction: true });
      asking = insertAdHocExecution(database.db, execution(lease), null);
      await somebodyWaits();
    });
    expect(await asking).toBe(false);
    expect(await openExecutions(database.db, lease.id)).toEqual([]);
  });

  it("a run's lease takes none", async () => {
    const lease = await insertLeaseIn(database.db, companyId, { state: "active", patch: { runId: newId() } });
    expect(await insertAdHocExecution(database.db, execution(lease), null)).toBe(false);
  });
});

describe("what a command is given", () => {
  it("I11: is gone with its end, is in nothing that is read of an execution, and cannot come back", async () => {
    const lease = await active();
    const row = execution(lease);
    await insertAdHocExecution(database.db, row, null);
    expect(await findInput(database.db, row.id)).toEqual({ env: { A: "hush" } });
    expect(JSON.stringify(await openExecutions(database.db, lease.id))).not.toContain("hush");
    await abandonExecution(database.db, row.id, "cancelled");
    expect(await findInput(database.db, row.id)).toBeUndefined();
    await expect(database.db.execute(sql`update executions set input = '{"env":{}}' where id = ${row.id}`)).rejects.toThrow();
  });
});
