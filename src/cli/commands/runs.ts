import type { Outcome, Run, RunResult, RunSummary } from "../../client/index.ts";
import { describeOutcome, resultOf } from "../../domain/outcome.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo, sayCommand, saySpan, sayState } from "../say.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

export interface ListRunsOptions {
  readonly open?: true;
  readonly result?: RunResult;
  readonly env?: string;
  readonly producerRun?: string;
  readonly issue?: string;
  readonly agent?: string;
  readonly executionWorkspace?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
  readonly json?: true;
}

export async function listRuns({ limit, json, env, producerRun, issue, agent, executionWorkspace, ...filters }: ListRunsOptions): Promise<number> {
  const client = await connect();
  const producer = { runId: producerRun, issueId: issue, agentId: agent, executionWorkspaceId: executionWorkspace };
  const runs = await take(client.runs.list({ ...filters, ...(env === undefined ? {} : { environment: env }), producer, pageSize: Math.min(limit, 200) }), limit);
  const filtered = env !== undefined || Object.keys(filters).some((name) => name !== "open") || Object.values(producer).some((id) => id !== undefined);
  if (json === true) answerJson(runs);
  else if (runs.length === 0) answer(filtered ? "There are no such runs." : filters.open === true ? "No run is open." : "There are no runs.");
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
    ["Retry of", run.retryOf],
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

export async function retryRun(id: string, options: { readonly key?: string; readonly json?: true }): Promise<number> {
  const run = await (await connect()).runs.retry(id, options.key === undefined ? {} : { idempotencyKey: options.key });
  if (options.json === true) answerJson(run);
  else answer(`Run ${run.id} asks for the same as ${id} once more. Be with it with: leasehold run attach ${run.id}`);
  return exitCodes.ok;
}
