import type { Outcome, Run, RunSummary } from "../../client/index.ts";
import { describeOutcome, resultOf } from "../../domain/outcome.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo, sayCommand, saySpan, sayState } from "../say.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

export async function listRuns(options: { readonly open?: true; readonly limit: number; readonly json?: true }): Promise<number> {
  const client = await connect();
  const runs = await take(client.runs.list({ ...(options.open === undefined ? {} : { open: true }), pageSize: Math.min(options.limit, 200) }), options.limit);
  if (options.json === true) answerJson(runs);
  else if (runs.length === 0) answer(options.open === true ? "No run is open." : "There are no runs.");
  else answer(table(["ID", "STATE", "CREATED", "RAN", { name: "COMMAND", gives: 1 }], runs.map(row)));
  return exitCodes.ok;
}

const row = (run: RunSummary): string[] => [run.id, sayState(run.phase === "ended" ? (run.result ?? "ended") : run.phase), sayAgo(run.createdAt), ran(run) ?? "-", sayCommand(run.command)];

function ran({ execution }: RunSummary): string | null {
  if (execution?.startedAt == null) return null;
  return saySpan((execution.finishedAt === null ? Date.now() : Date.parse(execution.finishedAt)) - Date.parse(execution.startedAt));
}

export async function showRun(id: string, options: { readonly json?: true }): Promise<number> {
  const run = await (await connect()).runs.get(id);
  if (options.json === true) answerJson(run);
  else answer(described(run));
  return exitCodes.ok;
}

const sayOutcome = (outcome: Outcome): string => {
  const result = resultOf(outcome);
  const description = printable(describeOutcome(outcome));
  return result === "succeeded" || result === "failed" ? `${sayState(result)}: ${description}` : description;
};

function described(run: Run): string {
  const { execution, lease } = run;
  const about = facts([
    ["Run", run.id],
    ["Command", sayCommand(run.command)],
    ["Phase", run.phase],
    ["Priority", run.priority === 0 ? null : String(run.priority)],
    ["Waiting", run.waiting === null ? null : printable(run.waiting.reason)],
    ["Outcome", run.outcome === null ? null : sayOutcome(run.outcome)],
    ["Processes", execution?.killed ?? null],
    ["Output", execution === null ? null : `${execution.stdoutBytes} bytes of stdout, ${execution.stderrBytes} of stderr${execution.outputComplete === false ? ", not complete" : ""}`],
    ["Environment", run.environmentId === null ? null : `${run.environmentId} (${run.environmentReason ?? "?"})`],
    ["Lease", lease === null ? null : `${lease.id} ${sayState(lease.state)} on ${lease.backend}${lease.failureReason === null ? "" : `: ${printable(lease.failureReason)}`}`],
    ["Cancel", run.cancelRequestedAt === null ? null : `asked for at ${run.cancelRequestedAt}`],
  ]);
  const start = Date.parse(run.createdAt);
  const times = table(
    ["WHAT", { name: "AFTER", right: true }, { name: "AT", optional: 1 }, { name: "DETAIL", gives: 1, least: 12, wrap: true }],
    run.timeline.map(({ at, event, detail }) => [event, saySpan(Date.parse(at) - start), at, printable(detail ?? "")]),
  );
  return `${about}\n\n${times}`;
}

export async function cancelRun(id: string, options: { readonly json?: true }): Promise<number> {
  const run = await (await connect()).runs.cancel(id);
  if (options.json === true) answerJson(run);
  else if (run.outcome !== null) answer(`Run ${run.id} has ended already: ${printable(describeOutcome(run.outcome))}.`);
  else answer(`Run ${run.id} is being cancelled. See it end with: leasehold run attach ${run.id}`);
  return exitCodes.ok;
}
