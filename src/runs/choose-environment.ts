import type { Db } from "../db/client.ts";
import { type Environment, findEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import type { RunRequest } from "../domain/request.ts";
import { active, defaultEnvironment } from "../leases/default-environment.ts";

export interface Choice {
  readonly environment: Environment;
  /** Which level or default decided. */
  readonly reason: "executionWorkspace" | "issue" | "project" | "agent" | "company_default" | "local";
}

const levels = ["executionWorkspace", "issue", "project", "agent"] as const;

/**
 * The environment of a run: the first level of the request that names one, else the company's default, else its local
 * one. Throws `invalid` `environment_not_found` (another company's too) or `environment_inactive`.
 */
export async function chooseEnvironment(db: Db, companyId: string, request: RunRequest): Promise<Choice> {
  const level = levels.find((l) => request.environment[l] !== undefined);
  const named = level === undefined ? undefined : request.environment[level];
  if (level === undefined || named === undefined) return defaultEnvironment(db, companyId);
  const environment = await findEnvironment(db, companyId, named);
  if (environment === undefined) throw invalid("environment_not_found", `no environment ${named}`);
  return { environment: active(environment), reason: level };
}
