import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { RunRequest } from "../../client/index.ts";
import { type CommandOptions, commandRequest } from "../command-request.ts";
import { connect } from "../connect.ts";
import { environmentFor } from "../environment-for.ts";
import { exitCodes } from "../exit-codes.ts";
import { followRun } from "../follow-run.ts";
import { listenForInterrupts } from "../interrupts.ts";
import type { NarrationOptions } from "../narrate.ts";
import { answer, answerJson } from "../print.ts";

export interface RunOptions extends CommandOptions, NarrationOptions {
  readonly env?: string;
  readonly driver?: string;
  readonly workspace?: string;
  /** Milliseconds. */
  readonly queueTimeout?: number;
  readonly priority?: number;
  readonly key?: string;
  readonly detach?: true;
}

/** Has a command run and stays with it to its end. Gives the exit code. */
export async function runCommand(command: readonly string[], options: RunOptions): Promise<number> {
  const client = await connect();
  const wanted = await commandRequest(client, command, options);
  // Resolved first: a run that names no environment that exists is not worth accepting.
  const environment = await environmentFor(client, options);
  const request: RunRequest = {
    ...wanted,
    ...(options.workspace === undefined ? {} : { workspace: { kind: "host_path", path: resolve(options.workspace) } }),
    ...(options.queueTimeout === undefined ? {} : { queueTimeoutMs: options.queueTimeout }),
    ...(options.priority === undefined ? {} : { priority: options.priority }),
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
