import type { Db } from "../db/client.ts";
import { type CheckedRef, lookUpRefs } from "../db/secret-uses.ts";
import { type FieldFault, invalid } from "../domain/errors.ts";
import type { EnvironmentVariables } from "../domain/request.ts";
import { isSecretRef, type SecretRef } from "../domain/secret.ts";

/** A reference, and what it is called where it stands. */
export interface NamedRef {
  readonly field: string;
  readonly ref: SecretRef;
}

/**
 * Sees that references name secrets of the company that may be used. In a transaction with `lock` they stay until its end. Throws
 * `invalid`, naming the fields: `secret_not_found` (404; another company's too), `secret_version_not_found` (404), `secret_disabled` (409).
 */
export async function checkReferences(db: Db, companyId: string, named: readonly NamedRef[], options: { readonly lock?: boolean } = {}): Promise<void> {
  if (named.length === 0) return;
  const found = new Map((await lookUpRefs(db, companyId, named.map(({ ref }) => ref), options)).map((one) => [one.secretId, one] as const));
  const refuse = (code: "secret_not_found" | "secret_version_not_found" | "secret_disabled", status: number, wrong: (at: CheckedRef | undefined, ref: SecretRef) => string | null): void => {
    const faults: FieldFault[] = named.flatMap(({ field, ref }) => {
      const message = wrong(found.get(ref.secretId.toLowerCase()), ref);
      return message === null ? [] : [{ field, message }];
    });
    if (faults.length === 0) return;
    const message = faults.map((fault) => `${fault.field}: ${fault.message}`).join("; ").slice(0, 2000);
    if (code === "secret_not_found") throw invalid("secret_not_found", message, { status, faults });
    if (code === "secret_disabled") throw invalid("secret_disabled", message, { status, faults });
    throw invalid("secret_version_not_found", message, { status, faults });
  };
  refuse("secret_not_found", 404, (at, { secretId }) => (at === undefined ? `there is no secret ${secretId}` : null));
  refuse("secret_version_not_found", 404, (at, { version }) => (at?.hasVersion === false ? `secret ${at.name} has no version ${version}` : null));
  refuse("secret_disabled", 409, (at) => (at?.status === "disabled" ? `secret ${at.name} is disabled; enable it, or refer to another one` : null));
}

/** The same for the variables of a request that is called `root`. */
export const checkVariables = (db: Db, companyId: string, root: string, env: EnvironmentVariables): Promise<void> =>
  checkReferences(
    db,
    companyId,
    Object.entries(env).flatMap(([name, value]) => (isSecretRef(value) ? [{ field: `${root}.env.${name}`, ref: value }] : [])),
  );
