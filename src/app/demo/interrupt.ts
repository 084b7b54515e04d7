import { openDatabase } from "../../db/client.ts";
import { findSituation } from "../../db/runs.ts";
import { newId } from "../../domain/ids.ts";
import { openNotices } from "../../../queues/notices.ts";
import type { LocalFleet } from "../up/fleet.ts";

export interface Interruption {
  readonly killed: number;
  readonly heir: number;
  readonly afterMs: number;
  /** Up to here the output was durable when the worker died. */
  readonly fromByte: number;
}

/** Kills the worker that executes a run, and waits until another one has taken the command over. */
export async function interrupt(fleet: LocalFleet, runId: string): Promise<Interruption> {
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "demo", max: 1 });
  const notices = openNotices({ url: fleet.config.redisUrl ?? "", prefix: fleet.config.queuePrefix }, () => {});
  const pidOf = (owner: string | null | undefined): number => Number(owner?.split(" ")[2] ?? 0);
  try {
    const before = await findSituation(database.db, runId);
    const killed = pidOf(before?.execution?.claimOwner);
    if (killed === 0) throw new Error("nobody executes the run");
    process.kill(killed, "SIGKILL");
    const at = performance.now();
    let fromByte = (await findSituation(database.db, runId))?.execution?.stdoutBytes ?? 0;
    for (;;) {
      const now = await findSituation(database.db, runId);
      const heir = pidOf(now?.execution?.claimOwner);
      if (now?.execution?.state === "final") throw new Error("the run ended before anybody took it over");
      if (heir !== 0 && heir !== killed) return { killed, heir, afterMs: performance.now() - at, fromByte };
      fromByte = now?.execution?.stdoutBytes ?? fromByte;
      await news(notices, before?.execution?.id ?? newId());
    }
  } finally {
    notices.close();
    await database.close();
  }
}

/** Settles when somebody says something about the execution, or after a tenth of a second: a claim is not announced. */
async function news(notices: { onOutput(id: string, look: () => void): () => void }, id: string): Promise<void> {
  let silence = () => {};
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 100);
    silence = notices.onOutput(id, () => {
      clearTimeout(timer);
      resolve();
    });
  });
  silence();
}
