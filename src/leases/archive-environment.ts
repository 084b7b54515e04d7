import { setEnvironmentStatus } from "../db/environment-changes.ts";
import type { Environment } from "../db/environments.ts";
import type { Fleet } from "./fleet.ts";
import { ringMoved } from "./ring-moved.ts";

/** Runs rung for at once; those of a longer queue are due, and the reaper rings for them. */
const rungAtOnce = 100;

/**
 * Archives an environment, or has it active again; asking twice changes nothing. What is open there when it is archived ends by
 * itself; what waits for its first claim ends now, its run as `not_started` with `environment_inactive`. Throws `invalid`
 * `environment_not_found` (404).
 */
export async function changeEnvironmentStatus(parts: Pick<Fleet, "db" | "bells" | "who">, { companyId, id }: Pick<Environment, "companyId" | "id">, status: Environment["status"]): Promise<{ environment: Environment; changed: boolean }> {
  const { environment, changed, ended } = await setEnvironmentStatus(parts.db, companyId, id, status, parts.who);
  await Promise.all(ended.slice(0, rungAtOnce).map((lease) => ringMoved(parts, lease)));
  return { environment, changed };
}
