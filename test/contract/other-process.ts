import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expiresAt, type Bench } from "./bench.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const program = fileURLToPath(new URL("perform.mjs", import.meta.url));

export interface Answer {
  readonly ok?: unknown;
  readonly failed?: { readonly kind: string; readonly message: string };
  readonly effects?: number;
}

export interface OtherProcess {
  readonly pid: number;
  /** Its next line; null when it ended without one. */
  next(): Promise<Answer | null>;
  kill(): void;
  /** The signal it died of, null if it ended by itself. */
  readonly ended: Promise<string | null>;
  readonly complaints: () => string;
}

/** Another process that opens the same driver and does one thing with it; see `perform.mjs`. */
export function otherProcess(bench: Bench, task: Record<string, unknown>): OtherProcess {
  const whole = {
    opening: bench.subject.opening(bench.subject.installation),
    config: bench.subject.config,
    labels: bench.labels(),
    expiresAt,
    fence: 1,
    handle: null,
    ...task,
  };
  const child = spawn(process.execPath, [program, JSON.stringify(whole)], { cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
  const { pid } = child;
  if (pid === undefined) throw new Error("no other process could be started");
  let complaints = "";
  child.stderr.on("data", (text: Buffer) => (complaints += text.toString()));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    pid,
    async next() {
      const line = await lines.next();
      return line.done === true ? null : (JSON.parse(line.value) as Answer);
    },
    kill: () => void child.kill("SIGKILL"),
    ended: new Promise((resolve) => child.once("close", (_code, signal) => resolve(signal))),
    complaints: () => complaints,
  };
}

/** What came of it, for a task that says one thing. Throws what it complained of when it said nothing. */
export async function inOtherProcess(bench: Bench, task: Record<string, unknown>): Promise<Answer> {
  const other = otherProcess(bench, task);
  const answer = await other.next();
  await other.ended;
  if (answer === null) throw new Error(`the other process said nothing: ${other.complaints()}`);
  return answer;
}

/** A command's spec as another process gets it. */
export const overTheWire = (spec: { readonly stdin: Uint8Array }) => ({ ...spec, stdin: Buffer.from(spec.stdin).toString("base64") });
