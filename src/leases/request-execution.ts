import { findKeyedExecution, insertAdHocExecution } from "../db/ad-hoc.ts";
import { type Execution, findExecution } from "../db/executions.ts";
import { getLease } from "../db/leases.ts";
import { newId } from "../domain/ids.ts";
import { parse } from "../domain/parse.ts";
import { executionRequest } from "../domain/request.ts";
import { checkVariables } from "../secrets/check-references.ts";
import { mustBeHeld } from "./ad-hoc.ts";
import type { Fleet } from "./fleet.ts";
import { requestKey } from "./request-ad-hoc.ts";

/**
 * Asks for a command in an ad-hoc lease. From here on it is started at most once, and ends with an outcome, whatever dies
 * (I6). Asking again with the same key gives the same execution, whatever has become of it and of its lease.
 *
 * Throws `invalid` for a malformed request, an unknown lease (404), a lease that is a run's or not active (409), and a key
 * that belongs to another request (409).
 */
export async function requestExecution(
  { db, bells }: Pick<Fleet, "db" | "bells">,
  companyId: string,
  leaseId: string,
  key: string | undefined,
  request: unknown,
): Promise<{ execution: Execution; fresh: boolean }> {
  const wanted = parse(executionRequest, request, "execution");
  const keyed = requestKey(key, wanted);
  for (;;) {
    const lease = await getLease(db, companyId, leaseId);
    const known = keyed === null ? undefined : await findKeyedExecution(db, leaseId, keyed);
    if (known !== undefined) return { execution: known, fresh: false };
    mustBeHeld(lease, "used");
    await checkVariables(db, companyId, "execution", wanted.env);
    const id = newId();
    const { command, cwd, env, stdin, timeoutMs, outputLimit, redactOutput = false } = wanted;
    const made = await insertAdHocExecution(
      db,
      { id, companyId, leaseId, argv: command, cwd: cwd ?? null, envNames: Object.keys(env), input: { env, ...(stdin === undefined ? {} : { stdin }) }, timeoutMs, outputLimit, redactOutput },
      keyed,
    );
    // The lease has ended, or the key has got an execution, between the two statements.
    if (!made) continue;
    await bells.step({ verb: "execute", backend: lease.backend, host: lease.host, id, offer: 0 });
    const execution = await findExecution(db, id);
    if (execution !== undefined) return { execution, fresh: true };
  }
}
