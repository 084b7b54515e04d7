import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterEach, beforeEach, expect, it } from "vitest";
import { timing } from "../../src/domain/defaults.ts";
import { eventually } from "../support/eventually.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
});
afterEach(() => stack.close());

it("I6: a worker that is told to stop while it claims a command hands it on at once", async () => {
  const first = await stack.worker();
  const run = await stack.submit({ command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"] });
  const running = (offer: number) =>
    eventually(async () => {
      await stack.sweep();
      const { execution } = await stack.situation(run.id);
      expect(execution).toMatchObject({ state: "running", offer, claimOwner: expect.any(String) as string });
    });
  await running(1);
  await first.stop();

  // The second one's claim is on its way, and waits for a lock, when it is told to stop.
  const other = postgres(stack.config.databaseUrl ?? "", { max: 1, onnotice: () => {} });
  let unlock: () => void = () => {};
  const locked = new Promise<void>((isLocked) => {
    void other.begin(async (tx) => {
      await tx`select 1 from executions for update`;
      isLocked();
      await new Promise<void>((resolve) => {
        unlock = resolve;
      });
    });
  });
  await locked;
  const second = await stack.worker();
  await eventually(async () => {
    const [row] = [...(await stack.base.database.db.execute(sql`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and query like '%offer = offer + 1%'`))];
    expect(row).toEqual({ n: 1 });
  });
  const stopped = second.stop();
  unlock();
  await stopped;
  await other.end();
  expect((await stack.situation(run.id)).execution).toMatchObject({ state: "running", offer: 2, claimOwner: null });

  const before = performance.now();
  await stack.worker();
  await running(3);
  expect(performance.now() - before).toBeLessThan(timing.claim / 2);
});
