import { isDeepStrictEqual } from "node:util";
import type { Outcome } from "../../../src/domain/outcome.ts";
import type { Evidence, ExecutionRow, RunRow } from "../evidence/evidence.ts";
import { naturalEnd } from "../work/act.ts";
import type { Task } from "../work/task.ts";
import { type Check, each } from "./check.ts";
import { executionsOf, runsOf } from "./task-rows.ts";

export const outcomes: Check = {
  invariants: ["I8"],
  says: "each outcome is what the command meant to do, or what was done to it",
  look: (evidence) => {
    const executions = executionsOf(evidence);
    const runs = runsOf(evidence);
    const started = new Set(evidence.ledger.starts.map((start) => start.task));
    const vanished = new Set(evidence.events.filter(({ event }) => event === "vanish").map(({ lease }) => lease));
    return each(evidence.tasks, (task) => {
      const x = executions.get(task.id)?.[0];
      const run = runs.get(task.id);
      const outcome = run?.outcome ?? x?.outcome;
      if (outcome === undefined || outcome === null) return null;
      const foundGone = vanished.has(run?.lease ?? x?.lease ?? "");
      const why = faultIn(evidence, { task, x, run, outcome, started: task.ledger === null ? null : started.has(task.id), foundGone });
      return why === null ? null : `${task.id} (${task.act.kind} in ${task.place.name} via ${task.via}) is ${JSON.stringify(outcome)}: ${why}`;
    });
  },
};

interface Case {
  readonly task: Task;
  readonly x: ExecutionRow | undefined;
  readonly run: RunRow | undefined;
  readonly outcome: Outcome;
  /** By its own word; null where that cannot be had. */
  readonly started: boolean | null;
  /** A comparison with the provider ended its lease, because its resource was not there any more. */
  readonly foundGone: boolean;
}

function faultIn({ ledger }: Evidence, { task, x, run, outcome, started, foundGone }: Case): string | null {
  const natural = naturalEnd(task.act);
  const meant = ledger.meant.get(task.id) ?? [];
  if (run !== undefined && x !== undefined && !isDeepStrictEqual(run.outcome, x.outcome)) return `its execution says ${JSON.stringify(x.outcome)}`;
  if (meant.length > 1) return `came to its end ${meant.length} times: ${meant.join(", ")}`;
  const vanishes = task.place.faults.some((fault) => fault.fault === "vanish");
  switch (outcome.kind) {
    case "exited":
    case "signalled":
      if (vanishes && outcome.kind === "signalled" && outcome.signal === "SIGKILL") return null;
      if (!isDeepStrictEqual(outcome, natural)) return `it meant to end with ${JSON.stringify(natural)}`;
      if (started === false) return "it never said that it started";
      return started === true && !isDeepStrictEqual(meant, [wordFor(outcome)]) ? `it said that it would end with ${JSON.stringify(meant)}` : null;
    case "timed_out":
      if (task.timeoutMs >= patientTimeout) return "nobody gave it so little time";
      return started === false ? "it never said that it started" : null;
    case "cancelled":
      return task.cancelled ? null : "nobody cancelled it";
    case "lease_ended":
      return task.via === "lease" || (vanishes && foundGone) ? null : "nobody ended its lease";
    case "not_started":
      if (started === true) return "it said that it started";
      if (outcome.reason === "queue_timeout") return task.timeoutMs < patientTimeout ? null : "it had all the time to be started";
      return task.via === "lease" || task.place.faults.length > 0 ? null : "nothing was in its way";
    case "lost":
      return vanishes ? null : "nothing was lost";
  }
}

/** What no machine is slow enough for. */
const patientTimeout = 10 * 60_000;

const wordFor = (outcome: Extract<Outcome, { kind: "exited" | "signalled" }>): string => (outcome.kind === "exited" ? `exit ${outcome.code}` : `signal ${outcome.signal.replace(/^SIG/, "")}`);
