import { expect } from "vitest";
import { insertEnvironment } from "../../src/db/environments.ts";
import { readOutput } from "../../src/db/output.ts";
import type { Run } from "../../src/db/runs.ts";
import type { StreamName } from "../../src/domain/execution.ts";
import type { Killed, Outcome } from "../../src/domain/outcome.ts";
import type { RunRequestInput } from "../../src/domain/request.ts";
import { cancelRun } from "../../src/runs/cancel.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";
import { startStack, type Stack } from "../support/stack.ts";

const backend = "sandbox-bubblewrap";
/** What environments of these tests allow where a test does not say otherwise: little, so that who takes too much is told soon. */
const tight = { memoryBytes: 128 * 1024 * 1024, processes: 64, fileBytes: 16 * 1024 * 1024 };

export interface Ended {
  readonly outcome: Outcome | null;
  readonly killed: Killed | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly complete: boolean | null;
}

export interface Sandboxes {
  readonly stack: Stack;
  /** Sends a command to an environment of that config, made for it. */
  submit(command: readonly string[], more?: Options): Promise<Run>;
  ended(runId: string): Promise<Ended>;
  /** The whole run of a shell script. */
  sh(script: string, more?: Options): Promise<Ended>;
  /** Waits until the command has printed a line. */
  saying(runId: string, text: string): Promise<void>;
  cancel(runId: string): Promise<void>;
  /** Waits until no directory, user or process of any sandbox is left. */
  nothingLeft(): Promise<void>;
  close(): Promise<void>;
}

export interface Options {
  readonly config?: Record<string, unknown>;
  readonly limits?: Record<string, number>;
  readonly request?: Partial<RunRequestInput>;
}

/** A fleet in this process that serves sandboxes. */
export async function startSandboxes(overrides: Parameters<typeof startStack>[0] = {}): Promise<Sandboxes> {
  const stack = await startStack(overrides);
  await stack.worker({ backends: [backend] });
  const { db } = stack.base.database;
  let made = 0;

  const submit: Sandboxes["submit"] = async (command, { config = {}, limits = {}, request = {} } = {}) => {
    made += 1;
    const environment = await insertEnvironment(db, stack.companyId, {
      name: `sandbox ${made}`,
      description: null,
      driver: "sandbox",
      backend,
      config: { provider: "bubblewrap", limits: { ...tight, ...limits }, ...config },
      envVars: {},
      maxLeases: null,
      metadata: {},
    });
    return stack.submit({ command: [...command], timeoutMs: 60_000, ...request, environment: { agent: environment.id } });
  };
  const read = async (execution: string, stream: StreamName): Promise<string> => {
    const pieces: Buffer[] = [];
    for (let at = 0; ; ) {
      const bytes = await readOutput(db, execution, stream, at);
      if (bytes.length === 0) return Buffer.concat(pieces).toString("latin1");
      pieces.push(bytes);
      at += bytes.length;
    }
  };
  const ended: Sandboxes["ended"] = async (runId) => {
    const { run, execution } = await stack.ended(runId, 60_000);
    const id = execution?.id ?? "";
    return {
      outcome: run.outcome,
      killed: execution?.killed ?? null,
      stdout: id === "" ? "" : await read(id, "stdout"),
      stderr: id === "" ? "" : await read(id, "stderr"),
      complete: execution?.outputComplete ?? null,
    };
  };
  return {
    stack,
    submit,
    ended,
    sh: async (script, more) => ended((await submit(["sh", "-c", script], more)).id),
    saying: async (runId, text) => {
      await eventually(
        async () => {
          const { execution } = await stack.situation(runId);
          expect(execution === null ? "" : await read(execution.id, "stdout")).toContain(text);
        },
        { timeoutMs: 60_000 },
      );
    },
    cancel: async (runId) => {
      await cancelRun({ db, bells: stack.base.bells }, stack.companyId, runId);
    },
    nothingLeft: () => eventually(async () => expect(await leftovers(stack.config.dataDir)).toEqual([]), { timeoutMs: 60_000 }),
    close: () => stack.close(),
  };
}
