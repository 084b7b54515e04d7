import { sql } from "drizzle-orm";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  for (let i = 0; i < 3; i += 1) await stack.worker();
});
afterAll(() => stack.close());

it("I2, I4, I6: 200 runs at once over three workers all end, none twice, nothing left", async () => {
  const runs = await Promise.all(Array.from({ length: 200 }, (_, i) => stack.submit({ command: ["sh", "-c", `echo started >> "$HOME/../../../starts"; echo ${i}`] })));
  await eventually(
    async () => {
      await stack.sweep();
      const [row] = [...(await stack.base.database.db.execute(sql`select count(*)::int as n from runs where phase = 'ended'`))] as { n: number }[];
      if (row?.n !== 200) throw new Error(`${row?.n} ended`);
    },
    { timeoutMs: 60_000 },
  );
  for (const run of runs) {
    const now = await stack.situation(run.id);
    expect(now.run.outcome).toEqual({ kind: "exited", code: 0 });
    expect(now.lease?.state).toBe("released");
  }
  expect((await readdir(join(stack.config.dataDir, "leases"), { withFileTypes: true })).filter((e) => e.isDirectory() && !e.name.startsWith("."))).toEqual([]);
});
