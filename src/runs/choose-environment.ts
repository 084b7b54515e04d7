import { getCompany } from "../db/companies.ts";
import type { Db } from "../db/client.ts";
import { ensureLocalEnvironment, type Environment, findEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";
import type { RunRequest } from "../domain/request.ts";

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
  if (level !== undefined && named !== undefined) {
    const environment = await findEnvironment(db, companyId, named);
    if (environment === undefined) throw invalid("environment_not_found", `no environment ${named}`);
    return { environment: active(environment), reason: level };
  }
  const company = await getCompany(db, companyId);
  if (company.defaultEnvironmentId !== null) {
    const environment = await findEnvironment(db, companyId, company.defaultEnvironmentId);
    if (environment !== undefined) return { environment: active(environment), reason: "company_default" };
  }
  return { environment: active(await ensureLocalEnvironment(db, companyId)), reason: "local" };
}

function active(environment: Environment): Environment {
  if (environment.status === "active") return environment;
  throw invalid("environment_inactive", `environment ${environment.name} is ${environment.status}; make it active or choose another`);
}
