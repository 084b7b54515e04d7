import { appendOutput } from "../db/output.ts";
import { askKill } from "../db/executions.ts";
import { throughOutage } from "../db/retry.ts";
import { limits, timing } from "../domain/defaults.ts";
import { transient } from "../domain/errors.ts";
import { type ExecutionStatus, type StreamName, type StreamSizes, streams } from "../domain/execution.ts";
import type { Killed, Outcome } from "../domain/outcome.ts";
import { plainCopy, redactedCopy, type StreamCopy } from "../output/copy.ts";
import { journal } from "../output/journal.ts";
import type { Attempt } from "./attempt.ts";
import { finishExecution } from "./finish-execution.ts";
import { stayAlive } from "./stay-alive.ts";
import { watchTimeout } from "./watch-timeout.ts";

/**
 * Follows a running command to its end: output becomes durable from where it left off, the lease is renewed while the
 * command provably lives, and what asks for its end has it ended. Then fixes the outcome.
 */
export async function followToEnd(work: Attempt): Promise<void> {
  await using _alive = await stayAlive(work);
  using _timeout = watchTimeout(work, async () => {
    await throughOutage(() => askKill(work.fleet.db, work.state.current.id, "timed_out"), { signal: work.signal });
    work.kept.look();
  });
  const broken = new AbortController();
  const killing = killWhenAsked(work, broken);
  const copies = await openCopies(work);
  for (;;) {
    const before = copies.stdout.read + copies.stderr.read;
    await followOnce(work, copies, AbortSignal.any([work.signal, broken.signal]));
    const status = await work.place.status();
    const advanced = copies.stdout.read + copies.stderr.read > before;
    if (status.kind === "running") {
      if (!advanced) throw transient("follow_interrupted", "the follower ended while the command runs on");
      continue;
    }
    const missing = (status.kind === "ended" || status.kind === "orphaned") && lags(copies, status.sizes);
    if (missing && advanced) continue;
    for (const stream of streams) await keepRest(work, copies[stream], stream);
    const killed = work.kill.reason === null ? null : await killing;
    const ending = await endingOf(work, status, killed);
    // What the record counts and the files do not hold (cut by the command, or by a power failure) will not come any more.
    await finishExecution(work.fleet, work.lease, work.state.current, work.claim, { ...ending, ...(missing ? { dropped: null } : {}), kept: { stdout: copies.stdout.kept, stderr: copies.stderr.kept } }, work.signal);
    return;
  }
}

type Copies = Readonly<Record<StreamName, StreamCopy>>;

const lags = (copies: Copies, sizes: StreamSizes): boolean => copies.stdout.read < sizes.stdout || copies.stderr.read < sizes.stderr;

/** The durable copies as the row has them. */
async function openCopies({ fleet, state: { current } }: Attempt): Promise<Copies> {
  if (!current.redactOutput) return { stdout: plainCopy(current.stdoutBytes), stderr: plainCopy(current.stderrBytes) };
  const values = await fleet.secrets.remembered(current);
  const begin = { kept: 0, written: 0 };
  return { stdout: redactedCopy(current.stdoutBytes, current.stdoutAnchor ?? begin, values), stderr: redactedCopy(current.stderrBytes, current.stderrAnchor ?? begin, values) };
}

/** Makes durable what was held back, now that nothing will come any more. */
async function keepRest(work: Attempt, copy: StreamCopy, stream: StreamName): Promise<void> {
  for (let rest = copy.end(); rest.length > 0; rest = rest.subarray(limits.outputChunk)) await keep(work, copy, stream, copy.kept, rest.subarray(0, limits.outputChunk), work.signal);
}

async function keep({ fleet, state, claim }: Attempt, copy: StreamCopy, stream: StreamName, start: number, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const end = start + bytes.length;
  await throughOutage(() => appendOutput(fleet.db, state.current, claim, stream, start, bytes, copy.anchorAt(end)), { signal });
  copy.kept = end;
  await fleet.bells.output({ execution: state.current.id, stream, end });
}

/** Ends the command once somebody asks. When that fails the whole attempt does, so that the next one tries again. */
function killWhenAsked(work: Attempt, broken: AbortController): Promise<Killed> {
  const killing = work.kill.asked.then(async (reason) => {
    work.log.info({ reason }, "ending the command");
    return work.place.kill(work.caller, timing.killGrace);
  });
  killing.catch((error: unknown) => broken.abort(error));
  return killing;
}

/** Streams both outputs until the follower ends, making them durable. Moves the copies along. */
async function followOnce(work: Attempt, copies: Copies, signal: AbortSignal): Promise<void> {
  const { place, caller } = work;
  const follow = await place.follow(caller, { stdout: copies.stdout.read, stderr: copies.stderr.read });
  work.begun();
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const keepAll = async (stream: StreamName): Promise<void> => {
    const copy = copies[stream];
    try {
      await journal(copy.through(follow[stream]), copy.kept, (start, bytes) => keep(work, copy, stream, start, bytes, signal), either);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  try {
    await Promise.all([keepAll("stdout"), keepAll("stderr"), follow.done]);
  } finally {
    follow.detach();
  }
}

async function endingOf(work: Attempt, status: ExecutionStatus, killed: Killed | null): Promise<{ outcome: Outcome; killed: Killed | null; dropped: StreamSizes | null }> {
  const reason = work.kill.reason;
  switch (status.kind) {
    case "ended": {
      // Who asked too late did not end it: a command that had exited by itself keeps its own code.
      const outcome: Outcome = status.killed ? { kind: reason ?? "lease_ended" } : status.exit;
      return { outcome, killed: status.killed ? (killed ?? "unverified") : null, dropped: status.dropped };
    }
    case "spawn_failed":
      return { outcome: { kind: "not_started", reason: status.reason, message: status.message }, killed: null, dropped: null };
    case "orphaned": {
      const swept = await work.place.kill(work.caller, timing.killGrace);
      const message = status.sameBoot ? "its supervisor died without writing how it ended" : "the machine was restarted while it ran";
      return { outcome: { kind: "lost", message }, killed: swept, dropped: null };
    }
    case "tombstone":
      return { outcome: { kind: reason ?? "lease_ended" }, killed: null, dropped: { stdout: 0, stderr: 0 } };
    case "absent":
    case "gone": {
      const swept = await work.place.kill(work.caller, timing.killGrace);
      return { outcome: { kind: "lost", message: status.kind === "absent" ? "its directory vanished" : "its place vanished" }, killed: swept, dropped: null };
    }
    case "running":
      throw new Error("a running execution has no ending");
  }
}
