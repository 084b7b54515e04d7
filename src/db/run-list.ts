import { and, type Column, desc, eq, getTableColumns, gte, lt, ne, type SQL, sql } from "drizzle-orm";
import type { RunResult } from "../domain/outcome.ts";
import type { Db } from "./client.ts";
import { executionColumns } from "./executions.ts";
import { lightRun, type RunSituation } from "./runs.ts";
import { executions, leases, resultSql, runs } from "./schema.ts";

export interface RunPage {
  readonly limit: number;
  /** Begin before this id. */
  readonly before?: string | undefined;
  /** Only what has not ended. */
  readonly open?: boolean | undefined;
  readonly result?: RunResult | undefined;
  readonly environmentId?: string | undefined;
  /** The producer's own ids. */
  readonly producerRunId?: string | undefined;
  readonly producerIssueId?: string | undefined;
  readonly producerAgentId?: string | undefined;
  readonly producerWorkspaceId?: string | undefined;
  /** Accepted at or after. */
  readonly since?: Date | undefined;
  /** Accepted before. */
  readonly until?: Date | undefined;
}

/**
 * A page of a company's runs, newest first. Every filter but the times has an index in the order of ids. Ids are in the order of
 * time, so what lies far outside the times is not read.
 */
export async function listRuns(db: Db, companyId: string, page: RunPage): Promise<RunSituation[]> {
  const { before, open, result, since, until } = page;
  const is = (column: Column, value: string | undefined): SQL | undefined => (value === undefined ? undefined : eq(column, value));
  return db
    .select({ run: lightRun, lease: getTableColumns(leases), execution: executionColumns })
    .from(runs)
    .leftJoin(leases, eq(leases.id, runs.leaseId))
    .leftJoin(executions, eq(executions.runId, runs.id))
    .where(
      and(
        eq(runs.companyId, companyId),
        before === undefined ? undefined : lt(runs.id, before),
        open === true ? ne(runs.phase, sql`'ended'`) : undefined,
        result === undefined ? undefined : sql`${resultSql} = ${result} and ${runs.outcome} is not null`,
        is(runs.environmentId, page.environmentId),
        is(runs.producerRunId, page.producerRunId),
        is(runs.producerIssueId, page.producerIssueId),
        is(runs.producerAgentId, page.producerAgentId),
        is(runs.producerWorkspaceId, page.producerWorkspaceId),
        since === undefined ? undefined : and(gte(runs.createdAt, since), gte(runs.id, idAt(since.getTime() - skew))),
        until === undefined ? undefined : and(lt(runs.createdAt, until), lt(runs.id, idAt(until.getTime() + skew))),
      ),
    )
    .orderBy(desc(runs.id))
    .limit(page.limit);
}

/** Milliseconds by which the clock of a process that makes ids may be off from the database's, which says when a run was accepted. */
const skew = 600_000;

/** The lowest id of a moment. */
function idAt(ms: number): string {
  const hex = Math.min(Math.max(Math.trunc(ms), 0), 2 ** 48 - 1).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
