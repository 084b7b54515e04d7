import type { TimelineEntry } from "../wire/run.ts";
import type { LeaseEventRow } from "../db/leases.ts";
import type { RunSituation } from "../db/runs.ts";
import { describeOutcome } from "../domain/outcome.ts";

/** What happened to a run, its lease and its execution, in the order in which it happened. */
export function timelineOf({ run, lease, execution }: RunSituation, events: readonly LeaseEventRow[]): TimelineEntry[] {
  const moments: [at: Date | null | undefined, event: string, detail?: string | undefined][] = [
    [run.createdAt, "run.accepted"],
    [run.acquiringAt, "run.acquiring", run.environmentReason === null ? undefined : `environment chosen by ${run.environmentReason}`],
    [lease?.acquiredAt, "run.acquired"],
    [run.realizedAt, "run.realized"],
    [execution?.createdAt, "execution.created"],
    [execution?.startedAt, "execution.started"],
    [execution?.firstOutputAt, "execution.first_output"],
    [execution?.killAskedAt, "execution.kill_asked", execution?.killReason ?? undefined],
    [execution?.finishedAt, "execution.finished", execution?.outcome == null ? undefined : describeOutcome(execution.outcome)],
    [run.cancelRequestedAt, "run.cancel_requested"],
    [run.harvestedAt, "run.harvested"],
    [lease?.releasedAt, "run.released"],
    [run.endedAt, "run.ended", run.outcome === null ? undefined : describeOutcome(run.outcome)],
    ...events.map((e): [Date, string, string] => [e.at, `lease.${e.event}`, [`${e.from ?? "-"} -> ${e.to}`, e.why].filter((part) => part !== null).join(": ")]),
  ];
  return moments
    .flatMap(([at, event, detail]) => (at == null ? [] : [{ at: at.toISOString(), event, ...(detail === undefined ? {} : { detail }) }]))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
