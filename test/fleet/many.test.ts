import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

const count = 200;
let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
  await Promise.all([fleet.reaper(), fleet.worker(), fleet.worker(), fleet.worker()]);
});
afterAll(() => fleet.close());

it("I2, I4, I6: 200 runs at once over three worker processes all end, none twice, nothing left", async () => {
  const starts = join(fleet.config.dataDir, "starts");
  const names = Array.from({ length: count }, (_, i) => `run-${String(i).padStart(3, "0")}`);
  // One short line appended by one write: lines of different commands cannot mix.
  const runs = await Promise.all(names.map((name) => fleet.submit({ command: ["sh", "-c", 'echo "$NAME" >>"$STARTS"'], env: { NAME: name, STARTS: starts } })));
  await eventually(
    async () => {
      const [row] = [...(await fleet.base.database.db.execute(sql`select count(*)::int as n from runs where phase = 'ended'`))];
      expect(row).toEqual({ n: count });
    },
    { timeoutMs: 300_000 },
  );
  for (const run of runs) {
    const now = await fleet.situation(run.id);
    expect(now.run.outcome).toEqual({ kind: "exited", code: 0 });
    expect(now.lease?.state).toBe("released");
  }
  expect((await readFile(starts, "utf8")).trimEnd().split("\n").toSorted()).toEqual(names);
  const [made] = [...(await fleet.base.database.db.execute(sql`select (select count(*)::int from executions) as executions, (select count(*)::int from environment_leases) as leases`))];
  expect(made).toEqual({ executions: count, leases: count });
  await eventually(async () => expect(await fleet.leftovers()).toEqual([]));
}, 400_000);
