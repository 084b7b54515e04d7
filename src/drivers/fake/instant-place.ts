import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { gone, isKind, stale, transient } from "../../domain/errors.ts";
import { commandScript } from "../../session/command.ts";
import type { Caller, ExecutionPlace } from "../../session/execution-place.ts";
import type { Session } from "../../session/session.ts";
import type { FakeConfig } from "./config.ts";
import { raiseTo, recordsUnder, seenFence } from "./instant-fence.ts";
import { type InstantRecord, makeRecord, markKilled, readRecord, replaceRecord, wasKilled } from "./instant-record.ts";
import { tellEnded, untilOver } from "./instant-wait.ts";

export interface InstantPlace {
  /** The sandbox's. */
  readonly directory: string;
  /** Where the records most likely are. */
  readonly fence: number;
  /** How every command ends. */
  readonly end: FakeConfig["instant"];
  /** For what a command may be called; nothing is run through it. */
  readonly session: () => Session;
}

/** Rounds in which others may raise the fence at the same moment. */
const rounds = 100;

/** An execution that has ended as soon as it is started, or so many seconds later: a record, and no process. */
export function instantPlace({ directory, fence, end, session }: InstantPlace, id: string): ExecutionPlace {
  const output = Buffer.from(end.stdout);

  const make = async (kind: InstantRecord["kind"], caller: Caller, outputLimit: number): Promise<"made" | "exists"> => {
    for (let round = 0; round < rounds; round++) {
      const made = await makeRecord(recordsUnder(directory, caller.fence), id, { kind, offer: caller.offer, outputLimit, endsAt: end.seconds === undefined ? 0 : Date.now() + end.seconds * 1000 });
      if (made !== "nowhere") return made;
      await raiseTo(directory, caller.fence);
    }
    throw transient("lease_unreachable", "the lease's fence was raised by somebody else each time");
  };

  /** The record as this caller may see it: an old fence or offer is `stale`, a higher offer is written down. */
  const recordFor = async (caller: Caller): Promise<InstantRecord | null> => {
    const records = recordsUnder(directory, caller.fence);
    let record = await readRecord(records, id);
    if (record === null) {
      await raiseTo(directory, caller.fence);
      record = await readRecord(records, id);
    }
    if (record === null) return null;
    if (record.offer > caller.offer) throw stale("fence_stale", "somebody newer works on this lease or execution");
    if (record.offer < caller.offer) await replaceRecord(records, id, { ...record, offer: caller.offer });
    return record;
  };

  return {
    bootId: async () => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),

    check(spec) {
      commandScript(session(), spec);
    },

    async start(caller, spec) {
      if ((await make("started", caller, spec.outputLimit)) === "made") return "started";
      await recordFor(caller);
      return "exists";
    },

    async plant(caller) {
      if ((await make("planted", caller, 0)) === "made") return "planted";
      const record = await recordFor(caller);
      if (record === null) throw gone("lease_gone", "the lease's directory is not there any more");
      return record.kind === "planted" ? "planted" : "exists";
    },

    async status() {
      let records = recordsUnder(directory, fence);
      let record = await readRecord(records, id);
      if (record === null) {
        const seen = await seenFence(directory);
        if (seen === null) return { kind: "gone" };
        records = recordsUnder(directory, seen);
        record = await readRecord(records, id);
      }
      if (record === null) return { kind: "absent" };
      if (record.kind === "planted") return { kind: "tombstone" };
      const killed = record.endsAt > 0 && (await wasKilled(records, id));
      if (!killed && Date.now() < record.endsAt) return { kind: "running" };
      const kept = Math.min(output.length, record.outputLimit);
      return {
        kind: "ended",
        exit: killed ? { kind: "signalled", signal: "SIGTERM" } : { kind: "exited", code: end.exitCode },
        sizes: { stdout: kept, stderr: 0 },
        dropped: { stdout: output.length - kept, stderr: 0 },
        killed,
      };
    },

    async follow(caller, from) {
      const record = await recordFor(caller);
      const bytes = record?.kind === "started" ? output.subarray(from.stdout, record.outputLimit) : Buffer.alloc(0);
      const detached = new AbortController();
      const over = untilOver(id, record?.endsAt ?? 0, detached.signal);
      const printing = async function* (printed: Buffer): AsyncGenerator<Buffer> {
        if (printed.length > 0) yield printed;
        await over;
      };
      return { stdout: Readable.from(printing(bytes)), stderr: Readable.from(printing(Buffer.alloc(0))), done: over, detach: () => detached.abort() };
    },

    async kill(caller) {
      const record = await recordFor(caller).catch((error: unknown) => {
        if (isKind(error, "gone")) return null;
        throw error;
      });
      if (record !== null && Date.now() < record.endsAt) await markKilled(recordsUnder(directory, caller.fence), id);
      tellEnded(id);
      // There is no process and there never was one.
      return "verified";
    },

    async beat(caller) {
      await recordFor(caller);
    },
  };
}
