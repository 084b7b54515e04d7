import type { Logger } from "pino";
import type { Db } from "../db/client.ts";
import { beatWorker, removeWorker, type Word, type WorkerRow } from "../db/workers.ts";
import { timing } from "../domain/defaults.ts";
import { atStart } from "./at-start.ts";
import { leaveMark, refuseCopy, strangers } from "./copied-directory.ts";

/** A worker as the fleet sees it. */
export interface Presence {
  /** Calls `hear` with what each beat hears back, from the last one on. */
  onWord(hear: (word: Word) => void): void;
  /** Says that this worker has left. */
  leave(): Promise<void>;
}

/**
 * Reports this worker, and its host, every `timing.workerBeat`. Throws `refused` `host_identity_shared` when the host's identity
 * is in use elsewhere; once it runs it only says so, as loudly as it can.
 */
export async function bePresent(db: Db, log: Logger, dataDir: string, row: WorkerRow): Promise<Presence> {
  const unmark = await leaveMark(dataDir, row.id);
  let last = await atStart(() => beatWorker(db, row));
  let hear: (word: Word) => void = () => {};
  const told = new Set<string>();
  let under: Promise<void> | null = null;
  const report = async (): Promise<void> => {
    try {
      last = await beatWorker(db, row);
      hear(last);
      for (const { id, hostName, pid } of await strangers(db, dataDir, row.host, row.id)) {
        if (!told.has(id)) log.error({ worker: id, hostName, pid }, "another machine works with this host's identity: a copy of the data directory. Stop one of them: each takes the other's leases for gone");
        told.add(id);
      }
    } catch (err) {
      log.warn({ err }, "could not report this worker");
    }
  };
  const beat = (): void => {
    under ??= report().finally(() => {
      under = null;
    });
  };
  const beating = setInterval(beat, timing.workerBeat);
  const leave = async (): Promise<void> => {
    clearInterval(beating);
    // A beat that is under way would put the row back.
    await under;
    await removeWorker(db, row.id).catch(() => {});
    await unmark().catch(() => {});
  };
  try {
    await atStart(() => refuseCopy(db, dataDir, row.host, row.id));
  } catch (error) {
    await leave();
    throw error;
  }
  return {
    onWord: (then) => {
      hear = then;
      then(last);
    },
    leave,
  };
}
