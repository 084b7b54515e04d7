import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { readOutput } from "../../src/db/output.ts";
import type { RunSituation } from "../../src/db/runs.ts";
import type { RunRequestInput } from "../../src/domain/request.ts";
import type { StreamName } from "../../src/domain/execution.ts";
import { eventually } from "./eventually.ts";
import type { TestFleet } from "./fleet.ts";

/** Prints a numbered line every 50 ms, and last the digest of what it printed. */
export const ticker = (lines: number): string[] => printing(`n === ${lines}`);

const printing = (over: string): string[] => [
  process.execPath,
  "-e",
  `const h = require("crypto").createHash("sha256"); let n = 0;
   const t = setInterval(() => { const line = "line " + n++ + "\\n"; h.update(line); process.stdout.write(line);
     if (${over}) { clearInterval(t); process.stderr.write(h.digest("hex")); } }, 50);`,
];

/** The same until it is told to end, so that it lives through whatever the test does, however long that takes. */
export class Living {
  readonly runId: string;
  readonly #file: string;

  private constructor(runId: string, file: string) {
    this.runId = runId;
    this.#file = file;
  }

  /** Settles once it has printed something. */
  static async start(fleet: TestFleet, request: Partial<RunRequestInput> = {}): Promise<Living> {
    const file = join(fleet.config.dataDir, `end-${crypto.randomUUID()}`);
    const run = await fleet.submit({ command: printing(`require("fs").existsSync(${JSON.stringify(file)})`), ...request });
    await fleet.until(run.id, printed(50));
    return new Living(run.id, file);
  }

  async end(): Promise<void> {
    await writeFile(this.#file, "");
  }
}

export const printed = (bytes: number) => (now: RunSituation) => (now.execution?.stdoutBytes ?? 0) > bytes;

async function* durable(fleet: TestFleet, executionId: string, stream: StreamName): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const bytes = await readOutput(fleet.base.database.db, executionId, stream, at);
    if (bytes.length === 0) return;
    yield bytes;
    at += bytes.length;
  }
}

async function digestOf(fleet: TestFleet, executionId: string): Promise<{ digest: string; said: string }> {
  const hash = createHash("sha256");
  for await (const bytes of durable(fleet, executionId, "stdout")) hash.update(bytes);
  let said = "";
  for await (const bytes of durable(fleet, executionId, "stderr")) said += bytes.toString();
  return { digest: hash.digest("hex"), said: said.trim().split(" ")[0] ?? "" };
}

/** The run ended with 0 and every byte is there: those that one command, started once, says it has printed. */
export async function provenRun(fleet: TestFleet, runId: string, timeoutMs?: number): Promise<RunSituation> {
  const ended = await fleet.ended(runId, timeoutMs);
  expect(ended.run.outcome).toEqual({ kind: "exited", code: 0 });
  expect(ended.lease?.state).toBe("released");
  expect(ended.execution).toMatchObject({ state: "final", outputComplete: true, stdoutDropped: 0, stderrDropped: 0 });
  const { digest, said } = await digestOf(fleet, ended.execution?.id ?? "");
  expect(digest).toBe(said);
  return ended;
}

/** The same, and nothing of any run is left behind. */
export async function wholeRun(fleet: TestFleet, runId: string, timeoutMs?: number): Promise<void> {
  await provenRun(fleet, runId, timeoutMs);
  await nothingLeft(fleet);
}

export const nothingLeft = (fleet: TestFleet) => eventually(async () => expect(await fleet.leftovers()).toEqual([]));
