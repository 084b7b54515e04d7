import type { StreamName } from "../domain/execution.ts";
import type { Outcome, RunResult } from "../domain/outcome.ts";
import type { EventsOptions } from "./events.ts";
import type { OutputOptions } from "./output.ts";
import type { Abortable } from "./transport.ts";
import type { RunExecution } from "./wire.ts";

/** What can be asked about something with a command, by id: a run, or an execution by itself. */
export interface Calls<Whole, Event> {
  events(id: string, options?: EventsOptions): AsyncGenerator<Event>;
  output(id: string, options?: OutputOptions): AsyncGenerator<Uint8Array>;
  wait(id: string, options?: Abortable): Promise<Whole>;
  cancel(id: string, options?: Abortable): Promise<Whole>;
}

export interface CollectOptions extends Abortable {
  /** Bytes to be taken of each of stdout and stderr, at most. Default 16 MiB. What comes after stays where it is kept. */
  readonly limit?: number | undefined;
}

/** How a command ended, and what it printed. */
export interface Finished<Whole> {
  /** The outcome in one word: `succeeded` is exit code 0 and nothing else. */
  readonly result: RunResult;
  readonly outcome: Outcome;
  /** Null unless the command ended by itself. */
  readonly exitCode: number | null;
  /** As UTF-8. For bytes use `output`. */
  readonly stdout: string;
  readonly stderr: string;
  /** Whether these are all that the command wrote: no limit cut anything off. */
  readonly complete: boolean;
  /** The run or execution, as it is now that it has ended. */
  readonly ended: Whole;
}

type OutputPiece = { readonly stream: StreamName; readonly bytes: Uint8Array };
type AnyEvent = { readonly type: "output"; readonly stream: StreamName; readonly bytes: Uint8Array } | { readonly type: "state" | "end" };
type Ended = { readonly result: RunResult | null; readonly outcome: Outcome | null };

const usualLimit = 16 * 1024 * 1024;

/** Something with a command that this program follows. To stop following does nothing to it; `cancel` ends it. */
export class Followed<Whole extends Ended, Event extends AnyEvent> implements AsyncIterable<OutputPiece> {
  readonly id: string;
  readonly #calls: Calls<Whole, Event>;
  readonly #executionOf: (whole: Whole) => RunExecution | null;

  constructor(id: string, calls: Calls<Whole, Event>, executionOf: (whole: Whole) => RunExecution | null) {
    this.id = id;
    this.#calls = calls;
    this.#executionOf = executionOf;
  }

  /** Its output as it comes, on both streams, from the first byte on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<OutputPiece> {
    for await (const event of this.events()) if (event.type === "output") yield { stream: event.stream, bytes: event.bytes };
  }

  /** Everything that happens to it, up to and with its end. */
  events(options: EventsOptions = {}): AsyncGenerator<Event> {
    return this.#calls.events(this.id, options);
  }

  /** The exact bytes of one stream as they come, to the end of the command. */
  output(options: OutputOptions = {}): AsyncGenerator<Uint8Array> {
    return this.#calls.output(this.id, { follow: true, ...options });
  }

  /** As it is once it has ended. */
  result(options: Abortable = {}): Promise<Whole> {
    return this.#calls.wait(this.id, options);
  }

  /** Its end, and what it printed. However it ends is an answer: only what could not be asked throws. */
  async collect({ limit = usualLimit, signal }: CollectOptions = {}): Promise<Finished<Whole>> {
    const ended = await this.result({ signal });
    const [stdout, stderr] = await Promise.all((["stdout", "stderr"] as const).map((stream) => this.#text({ stream, limit, signal })));
    return { ...endOf(ended), stdout: stdout ?? "", stderr: stderr ?? "", complete: isWhole(this.#executionOf(ended), limit), ended };
  }

  /** Asks for its end; `result` tells when it has come. */
  async cancel(options: Abortable = {}): Promise<void> {
    await this.#calls.cancel(this.id, options);
  }

  async #text(options: OutputOptions): Promise<string> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#calls.output(this.id, options)) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  }
}

/** Without an execution nothing was ever written. */
const isWhole = (execution: RunExecution | null, limit: number): boolean =>
  execution === null || (execution.outputComplete === true && Math.max(execution.stdoutBytes, execution.stderrBytes) <= limit);

function endOf({ result, outcome }: Ended): Pick<Finished<unknown>, "result" | "outcome" | "exitCode"> {
  if (result === null || outcome === null) throw new Error("it was said to have ended and has no outcome");
  return { result, outcome, exitCode: outcome.kind === "exited" ? outcome.code : null };
}
