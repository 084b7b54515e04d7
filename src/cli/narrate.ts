import type { Execution, ExecutionEvent, Lease, Run, RunEvent, Waiting } from "../client/index.ts";
import { describeOutcome } from "../domain/outcome.ts";
import { clearProgress, complain, isTerminal, note, progress, writeBytes } from "./print.ts";
import { printable } from "./say.ts";

/** What is told about, under its own name. */
export type Told = { readonly run: Run } | { readonly execution: Execution };

/** Tells what happens to a run or an execution: to people, or to a program. */
export interface Narration {
  /** A lease that has to be there first is waited for. */
  waits(lease: Lease): Promise<void>;
  begin(told: Told): Promise<void>;
  /** Settles when what is to be read could be written. */
  tell(event: RunEvent | ExecutionEvent): Promise<void>;
  end(told: Told, exitCode: number): Promise<void>;
  /** Whether nobody reads what we write any more. */
  readonly closed: boolean;
}

export interface NarrationOptions {
  readonly verbose?: true;
  readonly json?: true;
}

export const narrate = (options: NarrationOptions): Narration => (options.json === true ? toProgram() : toPeople(options.verbose === true));

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
  let said = "";
  return {
    waits: async (lease) => {
      const news = JSON.stringify([lease.state, lease.waiting]);
      if (news === said) return;
      said = news;
      await line({ type: "lease", lease });
    },
    begin: (told) => line({ type: "run" in told ? "run" : "execution", ...told }),
    tell: async (event) => {
      if (event.type === "output") await line({ ...event, bytes: Buffer.from(event.bytes).toString("base64") });
      else if (event.type === "state") await line(event);
    },
    end: (told, exitCode) => line({ type: "end", outcome: endOf(told).outcome, exitCode, ...told }),
    get closed() {
      return state.closed;
    },
  };
}

/** How it ended, and what is known about its output. */
const endOf = (told: Told): Pick<Run, "outcome" | "execution"> => ("run" in told ? told.run : { outcome: told.execution.outcome, execution: told.execution });

const phases: { readonly [phase: string]: string } = {
  accepted: "accepted",
  acquiring: "getting an environment",
  realizing: "putting the workspace in",
  executing: "running",
  harvesting: "bringing the workspace home",
  releasing: "giving the environment back",
  created: "waiting to be started",
  starting: "being started",
  requested: "waiting for an environment",
};

function toPeople(verbose: boolean): Narration {
  const { state, write } = writer();
  let said = "";
  const sayWhere = (phase: string, waiting: Waiting | null): void => {
    const line = printable(waiting?.reason ?? phases[phase] ?? phase);
    if (line === said) return;
    said = line;
    // Nobody will come by itself: that is worth a line everywhere.
    if (waiting?.code === "no_worker") complain(line);
    else if (verbose) note(line);
    else if ((phase === "executing" || phase === "running") && waiting === null) clearProgress();
    else if (isTerminal("stderr")) progress(`${line} ...`);
  };
  return {
    waits: async (lease) => sayWhere(lease.state, lease.waiting),
    begin: async (told) => {
      if (verbose) note("run" in told ? `run ${told.run.id}` : `execution ${told.execution.id} in lease ${told.execution.leaseId}`);
    },
    tell: async (event) => {
      if (event.type === "state") sayWhere("phase" in event ? event.phase : event.state, event.waiting);
      else if (event.type === "output") await write(event.stream, event.bytes);
    },
    end: async (told) => {
      clearProgress();
      const { outcome, execution } = endOf(told);
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
