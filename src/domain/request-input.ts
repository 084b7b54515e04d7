/** What is asked for, as whoever asks writes it. `request.ts` has the schemas by which it is checked; `test/domain/request.test.ts` compares the two. */

import type { SecretRefInput } from "./secret.ts";

interface CommandInput {
  /** The program and its arguments; no shell in between. */
  readonly command: readonly string[];
  /** Directory to start in, inside the workspace. */
  readonly cwd?: string | undefined;
  /** Environment variables: values, or references to secrets. No secret by its value, unless everybody who reads the fleet's database may know it. */
  readonly env?: Record<string, string | SecretRefInput> | undefined;
  /** Given to the command's standard input, then closed. Base64, 1 MiB at most. */
  readonly stdin?: string | undefined;
  /** Milliseconds the command may run. Default 1 h, 7 days at most. */
  readonly timeoutMs?: number | undefined;
  /** Bytes kept of each of stdout and stderr. Default 256 MiB, 4 GiB at most; what comes after is counted, not kept. */
  readonly outputLimit?: number | undefined;
  /** Whether secrets that the command is given are replaced by `***` in its output. */
  readonly redactOutput?: boolean | undefined;
}

/** One command in an ad-hoc lease. */
export type ExecutionRequestInput = CommandInput;

/** One command in one environment. */
export interface RunRequestInput extends CommandInput {
  /** Files it finds in its working directory: none, or a copy of a directory of the worker's host, where the worker allows that. */
  readonly workspace?: { kind: "none" } | { kind: "host_path"; path: string } | undefined;
  /** Milliseconds it may wait for its environment. Default 1 h, 7 days at most. */
  readonly queueTimeoutMs?: number | undefined;
  /** Among the company's own, -10 to 10: higher goes first. Default 0. */
  readonly priority?: number | undefined;
  /** Ids of environments, one for each level; the first given wins, then the company's default, then its local one. */
  readonly environment?: { executionWorkspace?: string | undefined; issue?: string | undefined; project?: string | undefined; agent?: string | undefined } | undefined;
  /** The producer's own ids, kept with the run and given back; no meaning to Leasehold. */
  readonly producer?: { runId?: string | undefined; issueId?: string | undefined; agentId?: string | undefined; executionWorkspaceId?: string | undefined } | undefined;
}

/** An ad-hoc lease. */
export interface LeaseRequestInput {
  /** Name or id of an environment; without it the company's default, else its local one. */
  readonly environment?: string | undefined;
  /** Milliseconds it may wait for its environment. Default 1 h, 7 days at most. */
  readonly queueTimeoutMs?: number | undefined;
  /** Among the company's own, -10 to 10: higher goes first. Default 0. */
  readonly priority?: number | undefined;
  /** Milliseconds from `active` on after which no renewal helps. Default 8 h, 7 days at most. */
  readonly maxLifeMs?: number | undefined;
}
