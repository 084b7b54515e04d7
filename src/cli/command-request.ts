import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { ExecutionRequest, Leasehold } from "../client/index.ts";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { secretVariables } from "./secret-variables.ts";

/** What the options say about a command, wherever it is to run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly envVar?: Record<string, string>;
  /** Names of secrets by variable. */
  readonly envSecret?: Record<string, string>;
  readonly redactOutput?: true;
  readonly stdin?: string;
  /** Milliseconds. */
  readonly timeout?: number;
}

export async function commandRequest(client: Leasehold, command: readonly string[], options: CommandOptions): Promise<ExecutionRequest> {
  const env = { ...options.envVar, ...(await secretVariables(client, options.envSecret)) };
  const stdin = options.stdin === undefined ? undefined : await readStdin(options.stdin);
  return {
    command: [...command],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(options.redactOutput === undefined ? {} : { redactOutput: true }),
    ...(stdin === undefined ? {} : { stdin: stdin.toString("base64") }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
  };
}

async function readStdin(file: string): Promise<Buffer> {
  if (file === "-") return buffer(process.stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliError(exitCodes.usage, `--stdin: ${(error as Error).message}`);
  }
}
