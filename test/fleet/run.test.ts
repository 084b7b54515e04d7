import { afterAll, beforeAll, expect, it } from "vitest";
import { readOutput } from "../../src/db/output.ts";
import { startStack, type Stack } from "../support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  await stack.worker();
});
afterAll(() => stack.close());

it("a run goes from accepted to ended and gives everything back", async () => {
  const run = await stack.submit({ command: ["sh", "-c", "echo out; echo err >&2; exit 3"] });
  const { run: ended, lease, execution } = await stack.ended(run.id);
  expect(ended.outcome).toEqual({ kind: "exited", code: 3 });
  expect(lease?.state).toBe("failed");
  expect(execution).toMatchObject({ state: "final", stdoutBytes: 4, stderrBytes: 4, outputComplete: true, killed: null });
  expect((await readOutput(stack.base.database.db, execution?.id ?? "", "stdout", 0)).toString()).toBe("out\n");
});
