import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { ExecutionRequest } from "../client/index.ts";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";

/** What the options say about a command, wherever it is to run. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly envVar?: Record<string, string>;
  readonly stdin?: string;
  /** Milliseconds. */
  readonly timeout?: number;
}

export async function commandRequest(command: readonly string[], options: CommandOptions): Promise<ExecutionRequest> {
  const stdin = options.stdin === undefined ? undefined : await readStdin(options.stdin);
  return {
    command: [...command],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.envVar === undefined ? {} : { env: options.envVar }),
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
