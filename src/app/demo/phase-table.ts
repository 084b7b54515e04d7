import { table } from "../../cli/table.ts";
import type { Run } from "../../client/index.ts";

const columns = ["queued", "acquired", "realized", "first output", "finished", "released"] as const;

/** Seconds since each run was accepted at which it reached each phase. */
export function phaseTable(runs: readonly Run[]): string {
  const rows = runs.map((run, i) => {
    const seconds = (at: string | null | undefined): string => (at == null ? "" : `${((Date.parse(at) - Date.parse(run.createdAt)) / 1000).toFixed(2)} s`);
    const at = (event: string): string | undefined => run.timeline.find((entry) => entry.event === event)?.at;
    return [
      `run ${i + 1}`,
      seconds(at("lease.request")),
      seconds(at("lease.acquired")),
      seconds(at("run.realized")),
      seconds(run.execution?.firstOutputAt),
      seconds(run.execution?.finishedAt),
      seconds(at("lease.cleaned")),
      run.outcome?.kind === "exited" ? `exited ${run.outcome.code}` : (run.outcome?.kind ?? ""),
    ];
  });
  return table(["", ...columns, "outcome"], rows);
}
