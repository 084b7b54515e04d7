import { randomUUID } from "node:crypto";
import type { ExecutionStatus, StreamSizes } from "../../src/domain/execution.ts";
import type { Caller, CommandSpec, ExecutionPlace } from "../../src/session/execution-place.ts";
import { executionPlace } from "../../src/session/place.ts";
import type { Session } from "../../src/session/session.ts";
import type { Bench } from "./bench.ts";

export const first: Caller = { fence: 1, offer: 1 };
export const fromTheStart: StreamSizes = { stdout: 0, stderr: 0 };

export interface Execution extends ExecutionPlace {
  readonly id: string;
}

export interface Ran {
  readonly execution: Execution;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly status: ExecutionStatus;
}

/** A resource that the suite holds. */
export interface Lease {
  readonly key: string;
  readonly handle: unknown;
  readonly session: Session;
  execution(id?: string): Execution;
  /** argv with the variables by which it finds its tools. */
  command(argv: readonly string[], more?: Partial<CommandSpec>): CommandSpec;
  sh(script: string, more?: Partial<CommandSpec>): CommandSpec;
  /** Starts a command, follows it to its end and says how it ended. */
  ran(spec: CommandSpec): Promise<Ran>;
  /** Runs one of the suite's own looks at the place, outside of any command. Its exit code does not matter. */
  look(argv: readonly string[], stdin?: string): Promise<string>;
}

export async function leaseOf(bench: Bench, key: string, handle: unknown): Promise<Lease> {
  const session = await bench.driver.session(bench.context(), { key, handle });
  const lease: Lease = {
    key,
    handle,
    session,
    execution: (id = randomUUID()) => ({ id, ...executionPlace(session, id) }),
    command: (argv, more) => ({
      argv,
      cwd: ".",
      env: { ...session.env },
      stdin: new Uint8Array(),
      outputLimit: 256 * 1024 * 1024,
      watchdogMs: 60_000,
      leftoverGraceMs: 200,
      ...more,
    }),
    sh: (script, more) => lease.command(["sh", "-c", script], more),
    async ran(spec) {
      const execution = lease.execution();
      await execution.start(first, spec);
      const { stdout, stderr } = await output(execution);
      return { execution, stdout, stderr, status: await execution.status() };
    },
    async look(argv, stdin = "") {
      const process = await session.open(argv);
      process.stdin.on("error", () => {});
      process.stdin.end(stdin);
      const [text] = await Promise.all([collect(process.stdout), collect(process.stderr), process.exit]);
      return text.toString();
    },
  };
  return lease;
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Follows to the end and gives what came. */
export async function output(execution: ExecutionPlace, from = fromTheStart, caller = first): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const follow = await execution.follow(caller, from);
  const [stdout, stderr] = await Promise.all([collect(follow.stdout), collect(follow.stderr), follow.done]);
  return { stdout, stderr };
}

/** Follows until the command has said so many lines on standard output, gives them and lets go. */
export async function spoken(execution: ExecutionPlace, lines = 1, caller = first): Promise<string> {
  const follow = await execution.follow(caller, fromTheStart);
  follow.stderr.resume();
  let text = "";
  for await (const chunk of follow.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.split("\n").length > lines) break;
  }
  follow.detach();
  await follow.done;
  return text;
}
