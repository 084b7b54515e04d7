import { getCompany } from "../db/companies.ts";
import type { Db } from "../db/client.ts";
import { ensureLocalEnvironment, type Environment, findEnvironment } from "../db/environments.ts";
import { invalid } from "../domain/errors.ts";

/** The environment of whoever names none: the company's default, else its local one. Throws `invalid` `environment_inactive`. */
export async function defaultEnvironment(db: Db, companyId: string): Promise<{ environment: Environment; reason: "company_default" | "local" }> {
  const company = await getCompany(db, companyId);
  if (company.defaultEnvironmentId !== null) {
    const environment = await findEnvironment(db, companyId, company.defaultEnvironmentId);
    if (environment !== undefined) return { environment: active(environment), reason: "company_default" };
  }
  return { environment: active(await ensureLocalEnvironment(db, companyId)), reason: "local" };
}

/** The environment, if work may be put there. Throws `invalid` `environment_inactive`. */
export function active(environment: Environment): Environment {
  if (environment.status === "active") return environment;
  throw invalid("environment_inactive", `environment ${environment.name} is ${environment.status}; make it active or choose another`);
}
