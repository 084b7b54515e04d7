import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import type { RunRequest } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { environmentFor } from "../environment-for.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { followRun } from "../follow-run.ts";
import { listenForInterrupts } from "../interrupts.ts";
import { answer, answerJson } from "../print.ts";

export interface RunOptions {
  readonly env?: string;
  readonly driver?: string;
  readonly workspace?: string;
  readonly cwd?: string;
  readonly envVar?: Record<string, string>;
  readonly stdin?: string;
  /** Milliseconds, like the next. */
  readonly timeout?: number;
  readonly queueTimeout?: number;
  readonly key?: string;
  readonly detach?: true;
  readonly verbose?: true;
  readonly json?: true;
}

/** Has a command run and stays with it to its end. Gives the exit code. */
export async function runCommand(command: readonly string[], options: RunOptions): Promise<number> {
  const client = await connect();
  const stdin = options.stdin === undefined ? undefined : await readStdin(options.stdin);
  // Resolved first: a run that names no environment that exists is not worth accepting.
  const environment = await environmentFor(client, options);
  const request: RunRequest = {
    command: [...command],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.envVar === undefined ? {} : { env: options.envVar }),
    ...(stdin === undefined ? {} : { stdin: stdin.toString("base64") }),
    ...(options.workspace === undefined ? {} : { workspace: { kind: "host_path", path: resolve(options.workspace) } }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    ...(options.queueTimeout === undefined ? {} : { queueTimeoutMs: options.queueTimeout }),
    ...(environment === undefined ? {} : { environment: { executionWorkspace: environment.id } }),
  };
  // From here on the run may exist: an interrupt is to cancel it, not to forget it.
  using interrupts = listenForInterrupts();
  const run = await client.runs.create(request, { idempotencyKey: options.key ?? randomUUID(), signal: interrupts.left });
  if (options.detach === true) {
    if (interrupts.asked) await client.runs.cancel(run.id);
    if (options.json === true) answerJson(run);
    else answer(run.id);
    return exitCodes.ok;
  }
  return await followRun(client, run, interrupts, options);
}

async function readStdin(file: string): Promise<Buffer> {
  if (file === "-") return buffer(process.stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliError(exitCodes.usage, `--stdin: ${(error as Error).message}`);
  }
}
