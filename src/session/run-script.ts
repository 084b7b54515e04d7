import type { Readable } from "node:stream";
import { busy, gone, stale, transient } from "../domain/errors.ts";
import type { RawProcess, Session } from "./session.ts";

export interface ScriptRun {
  /** Given to standard input, in this order, then closed. */
  readonly stdin?: readonly Uint8Array[];
  /** Milliseconds after which the script is ended. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const defaultTimeoutMs = 30_000;
/** Bytes taken of each stream of a helper; an answer is one line. */
const answerLimit = 64 * 1024;

/**
 * Runs one of our short scripts and gives what it printed. Arguments show in process lists; what may be secret goes
 * through standard input. Throws `transient` when the script failed, took too long, or the connection broke.
 */
export async function runScript(session: Session, text: string, args: readonly string[], run: ScriptRun = {}): Promise<string> {
  const process = await session.open(["sh", "-c", text, "leasehold", ...args], run.signal);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.end();
  }, run.timeoutMs ?? defaultTimeoutMs);
  try {
    give(process, run.stdin ?? []);
    const [stdout, stderr, exit] = await Promise.all([collect(process.stdout), collect(process.stderr), process.exit]);
    if (late) throw transient("place_timeout", `a helper at the place did not answer within ${run.timeoutMs ?? defaultTimeoutMs} ms`);
    if (exit.code !== 0) {
      const how = exit.signal ?? `code ${exit.code}`;
      throw transient("place_helper_failed", `a helper at the place ended with ${how}: ${stderr.trim().slice(0, 300)}`);
    }
    return stdout;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a script that answers with one line, and gives the line. The answers that mean the same everywhere are thrown:
 * `gone`, `stale`, and `busy` when the lease's lock was held for too long.
 */
export async function ask(session: Session, text: string, args: readonly string[], run: ScriptRun = {}): Promise<string> {
  const line = (await runScript(session, text, args, run)).trimEnd();
  refuse(line);
  return line;
}

/** Throws what an answer of a script stands for, if it stands for an error. */
export function refuse(answer: string): void {
  if (answer === "gone") throw gone("lease_gone", "the lease's directory is not there any more");
  if (answer === "stale") throw stale("fence_stale", "somebody newer works on this lease or execution");
  if (answer === "busy") throw busy("lease_busy", "the lease's lock is held by somebody else");
}

function give(process: RawProcess, chunks: readonly Uint8Array[]): void {
  // A script may answer before it has read everything; what it says counts, not the broken pipe.
  process.stdin.on("error", () => {});
  for (const chunk of chunks) process.stdin.write(chunk);
  process.stdin.end();
}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (size < answerLimit) chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks).toString("utf8");
}
