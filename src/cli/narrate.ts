import type { Run, RunEvent } from "../client/index.ts";
import { describeOutcome } from "../domain/outcome.ts";
import { clearProgress, complain, isTerminal, note, progress, writeBytes } from "./print.ts";
import { printable } from "./say.ts";

/** Tells what happens to a run: to people, or to a program. */
export interface Narration {
  begin(run: Run): Promise<void>;
  /** Settles when what is to be read could be written. */
  tell(event: RunEvent): Promise<void>;
  end(run: Run, exitCode: number): Promise<void>;
  /** Whether nobody reads what we write any more. */
  readonly closed: boolean;
}

export const narrate = (options: { readonly verbose?: true; readonly json?: true }): Narration => (options.json === true ? toProgram() : toPeople(options.verbose === true));

/** Remembers that a write failed. */
function writer() {
  const state = { closed: false };
  const write = async (stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> => {
    try {
      await writeBytes(stream, bytes);
    } catch (error) {
      state.closed = true;
      throw error;
    }
  };
  return { state, write };
}

function toProgram(): Narration {
  const { state, write } = writer();
  const line = (value: unknown) => write("stdout", Buffer.from(`${JSON.stringify(value)}\n`));
  return {
    begin: (run) => line({ type: "run", run }),
    tell: async (event) => {
      if (event.type === "output") await line({ ...event, bytes: Buffer.from(event.bytes).toString("base64") });
      else if (event.type === "state") await line(event);
    },
    end: (run, exitCode) => line({ type: "end", outcome: run.outcome, exitCode, run }),
    get closed() {
      return state.closed;
    },
  };
}

const phases: { readonly [phase: string]: string } = {
  accepted: "accepted",
  acquiring: "getting an environment",
  realizing: "putting the workspace in",
  executing: "running",
  harvesting: "bringing the workspace home",
  releasing: "giving the environment back",
};

function toPeople(verbose: boolean): Narration {
  const { state, write } = writer();
  let said = "";
  const sayState = (event: Extract<RunEvent, { type: "state" }>): void => {
    const line = printable(event.waiting?.reason ?? phases[event.phase] ?? event.phase);
    if (line === said) return;
    said = line;
    // Nobody will come by itself: that is worth a line everywhere.
    if (event.waiting?.code === "no_worker") complain(line);
    else if (verbose) note(line);
    else if (event.phase === "executing" && event.waiting === null) clearProgress();
    else if (isTerminal("stderr")) progress(`${line} ...`);
  };
  return {
    begin: async (run) => {
      if (verbose) note(`run ${run.id}`);
    },
    tell: async (event) => {
      if (event.type === "state") sayState(event);
      else if (event.type === "output") await write(event.stream, event.bytes);
    },
    end: async ({ outcome, execution }) => {
      clearProgress();
      if (outcome !== null && outcome.kind !== "exited") complain(printable(describeOutcome(outcome)));
      for (const name of ["stdout", "stderr"] as const) {
        const dropped = execution?.[`${name}Dropped`] ?? 0;
        if (dropped > 0) note(`${dropped} bytes of ${name} came after the limit and are not kept.`);
      }
      if (execution?.outputComplete === false && execution.stdoutDropped === null) note("What the command printed may not be complete.");
    },
    get closed() {
      return state.closed;
    },
  };
}
