import { eq } from "drizzle-orm";
import { randomUUID } from "node:crypto";
import type { Db } from "../../src/db/client.ts";
import { ensureLocalEnvironment, type Environment } from "../../src/db/environments.ts";
import { claimExecution, type Execution, insertExecution, moveExecution } from "../../src/db/executions.ts";
import { type Lease, moveLease } from "../../src/db/leases.ts";
import { appendOutput } from "../../src/db/output.ts";
import { inMs } from "../../src/db/rows.ts";
import { findSituation, moveRun, type Run } from "../../src/db/runs.ts";
import { executions } from "../../src/db/schema.ts";
import type { Bells } from "../../src/domain/bells.ts";
import { newClaim } from "../../src/domain/claim.ts";
import { timing } from "../../src/domain/defaults.ts";
import type { StreamName } from "../../src/domain/execution.ts";
import { newId } from "../../src/domain/ids.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { ExecutionRequestInput, RunRequestInput } from "../../src/domain/request.ts";
import { requestLease } from "../../src/leases/request.ts";
import { requestAdHocLease } from "../../src/leases/request-ad-hoc.ts";
import { requestExecution } from "../../src/leases/request-execution.ts";
import { acceptRun } from "../../src/runs/accept.ts";

/** Brings runs, and commands in ad-hoc leases, into states with the functions that workers use, without a worker. */

export interface Parts {
  readonly db: Db;
  readonly bells: Bells;
}

export async function accepted({ db }: Parts, companyId: string, request: RunRequestInput = { command: ["true"] }): Promise<Run> {
  return (await acceptRun(db, companyId, randomUUID(), request)).run;
}

/** A run whose lease is requested. */
export async function acquiring(parts: Parts, companyId: string, options: { request?: RunRequestInput; environment?: Environment } = {}): Promise<{ run: Run; lease: Lease }> {
  return lease(parts, await accepted(parts, companyId, options.request), options.environment);
}

/** Requests a lease for an accepted run. */
export async function lease(parts: Parts, run: Run, chosen?: Environment): Promise<{ run: Run; lease: Lease }> {
  const environment = chosen ?? (await ensureLocalEnvironment(parts.db, run.companyId));
  const requested = await requestLease(parts.db, run, environment, "test");
  return { lease: requested, run: await moveRun(parts.db, run, "acquiring", { environmentId: environment.id, environmentReason: "local", leaseId: requested.id, acquiringAt: inMs(0) }) };
}

/** Makes a requested lease active. */
export async function activate({ db }: Parts, lease: Lease): Promise<Lease> {
  const claim = newClaim("test");
  const claimed = await moveLease(db, lease, { event: "claim", who: "test", claim, patch: { acquireDeadline: inMs(timing.acquireWait) } });
  const patch = { handle: { v: 1 }, acquiredAt: inMs(0), expiresAt: inMs(timing.leaseLife) };
  return moveLease(db, claimed, { event: "acquired", who: "test", claim, patch });
}

/** An ad-hoc lease that is requested; nobody works on it. */
export const requested = async (parts: Parts, companyId: string): Promise<Lease> => (await requestAdHocLease({ ...parts, who: "test" }, companyId, undefined, {})).lease;

/** An ad-hoc lease that is active. */
export const held = async (parts: Parts, companyId: string): Promise<Lease> => activate(parts, await requested(parts, companyId));

/** A command of an ad-hoc lease that nobody has taken up. */
export const created = async (parts: Parts, lease: Lease, request: ExecutionRequestInput = { command: ["true"] }): Promise<Execution> =>
  (await requestExecution(parts, lease.companyId, lease.id, undefined, request)).execution;

/** The pen of the worker that follows a command. */
export interface Pen {
  readonly print: (stream: StreamName, bytes: Buffer | string) => Promise<void>;
  /** The command ends. */
  readonly end: (outcome: Outcome) => Promise<void>;
}

/** A run whose command is running. */
export interface Executing extends Pen {
  readonly runId: string;
  readonly executionId: string;
  readonly lease: Lease;
  /** The command ends, its lease is released, the run ends. */
  readonly end: (outcome: Outcome) => Promise<void>;
}

export async function executing(parts: Parts, companyId: string, request?: RunRequestInput): Promise<Executing> {
  return execute(parts, await acquiring(parts, companyId, request === undefined ? {} : { request }));
}

export async function execute(parts: Parts, waiting: { run: Run; lease: Lease }): Promise<Executing> {
  const { db, bells } = parts;
  const runId = waiting.run.id;
  const active = await activate(parts, waiting.lease);
  const id = newId();
  const ready = await mustFind(db, runId);
  await moveRun(db, ready, "executing", { realizedAt: inMs(0) });
  await insertExecution(db, { id, companyId: active.companyId, leaseId: active.id, runId, ordinal: 1, argv: ready.request.command, timeoutMs: 60_000, outputLimit: 1_000_000 });
  await bells.moved(runId);
  const pen = await start(parts, id);
  return {
    runId,
    executionId: id,
    lease: active,
    print: pen.print,
    end: async (outcome) => {
      await pen.end(outcome);
      const over = await moveRun(db, await mustFind(db, runId), "releasing", { outcome });
      await bells.moved(runId);
      await moveRun(db, over, "ended");
      await bells.moved(runId);
    },
  };
}

/** A run whose command has printed something and ended. */
export async function ended(parts: Parts, companyId: string): Promise<Executing> {
  const run = await executing(parts, companyId);
  await run.print("stdout", "something\n");
  await run.end({ kind: "exited", code: 0 });
  return run;
}

/** Does what a worker does to start a command. */
export async function start({ db, bells }: Parts, id: string): Promise<Pen> {
  const claim = newClaim("test");
  const claimed = await claimExecution(db, id, claim);
  if (claimed === null) throw new Error("somebody else has it");
  // Nobody extends it here, however long the test takes on a busy machine.
  await db.update(executions).set({ claimUntil: inMs(3_600_000) as never }).where(eq(executions.id, id));
  const starting = await moveExecution(db, claimed, "intent", claim, { bootId: "boot" });
  const running: Execution = await moveExecution(db, starting, "started", claim);
  await bells.moved(id);
  const at = { stdout: 0, stderr: 0 };
  return {
    print: async (stream, text) => {
      const bytes = Buffer.from(text);
      await appendOutput(db, running, claim, stream, at[stream], bytes);
      at[stream] += bytes.length;
      await bells.output({ execution: id, stream, end: at[stream] });
    },
    end: async (outcome) => {
      await moveExecution(db, running, "finish", claim, { outcome, outputComplete: true, stdoutDropped: 0, stderrDropped: 0 });
      await bells.output({ execution: id, stream: "final", end: 0 });
    },
  };
}

async function mustFind(db: Db, runId: string): Promise<Run> {
  const found = await findSituation(db, runId);
  if (found === undefined) throw new Error(`no run ${runId}`);
  return found.run;
}
