import { type SchemaState, schemaState } from "../db/migrations.ts";
import type { Db } from "../db/client.ts";
import { mustBeWritable } from "../db/installation.ts";
import { timing } from "../domain/defaults.ts";
import { reasonOf, refused, transient } from "../domain/errors.ts";

/** Whether a process can do its work, and what each check says: `ok`, or why not. */
export interface Readiness {
  readonly ok: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/** Finds out whether the API can work: everything that it needs is asked at the same time, each for 2 seconds at most. */
export async function readiness({ db, redis, stopping }: { readonly db: Db; readonly redis: () => Promise<unknown>; readonly stopping: boolean }): Promise<Readiness> {
  const checks = { database: () => databaseWorks(db), redis, process: async () => mustStay(stopping) };
  const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await answers(check)] as const));
  return { ok: results.every(([, fault]) => fault === null), checks: Object.fromEntries(results.map(([name, fault]) => [name, fault ?? "ok"])) };
}

async function databaseWorks(db: Db): Promise<void> {
  await mustBeWritable(db);
  // One that was away when this process began, and is another one now, may lack what this version needs.
  mustHaveAll(await schemaState(db));
}

function mustHaveAll({ missing }: SchemaState): void {
  if (missing.length > 0) throw refused("database_outdated", `the database lacks what this version needs: ${missing.join(", ")}; run \`leasehold migrate\``);
}

/** For a balancer that has connections open: to go elsewhere. */
function mustStay(stopping: boolean): void {
  if (stopping) throw transient("process_stopping", "this process was told to stop");
}

/** Null when the check answers in time, else why not. */
async function answers(check: () => Promise<unknown>): Promise<string | null> {
  try {
    await Promise.race([
      check(),
      new Promise((_resolve, reject) => {
        setTimeout(() => reject(transient("check_timeout", "no answer within 2 seconds")), timing.followPoll).unref();
      }),
    ]);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}
