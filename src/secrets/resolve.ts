import { type ReadSecret, readSecrets, type SecretReader } from "../db/secret-versions.ts";
import { invalid, LeaseholdError } from "../domain/errors.ts";
import { type SecretPurpose, type SecretRef, sealedStore, secretValue } from "../domain/secret.ts";
import type { SecretParts } from "./parts.ts";
import { open, versionBinding } from "./seal.ts";

/**
 * The values that some references stand for now, in their order; an error in the place of one that cannot be had. All of them
 * are read, and their use noted, in one statement.
 *
 * The errors are `invalid` for what no other try makes better (`secret_not_found`, `secret_disabled`, `secret_version_not_found`, ...),
 * `refused` for what a human has to see to, `transient` for what may pass. None has a value in it.
 */
export async function resolveSecrets(parts: SecretParts, reader: SecretReader, refs: readonly SecretRef[], purpose: SecretPurpose, signal: AbortSignal): Promise<(string | Error)[]> {
  const rows = await readSecrets(parts.db, reader, refs, purpose);
  const rowOf = (ref: SecretRef): ReadSecret | undefined => rows.find((row) => row.secretId === ref.secretId.toLowerCase() && row.wanted === ref.version);
  return Promise.all(
    refs.map(async (ref) => {
      try {
        return usable(await valueOf(parts, reader, ref, rowOf(ref), signal), rowOf(ref)?.name ?? "");
      } catch (error) {
        if (error instanceof LeaseholdError || signal.aborted) return error as Error;
        throw error;
      }
    }),
  );
}

async function valueOf({ ring, stores }: SecretParts, { companyId }: SecretReader, ref: SecretRef, row: ReadSecret | undefined, signal: AbortSignal): Promise<string> {
  if (row === undefined) throw invalid("secret_not_found", `there is no secret ${ref.secretId}`, { status: 404 });
  if (row.status === "disabled") throw invalid("secret_disabled", `secret ${row.name} is disabled`, { status: 409 });
  if (row.store !== sealedStore && row.reference !== null) {
    stores.checkVersion(row.store, ref.version);
    return stores.read(row.company, row.store, row.reference, ref.version, signal);
  }
  if (row.value === null || row.version === null) throw invalid("secret_version_not_found", `secret ${row.name} has no version ${ref.version}`, { status: 404 });
  return open(await ring.find(row.value.keyId), row.value.sealed, versionBinding(companyId, row.secretId, row.version));
}

/** What comes from outside may be anything; what was sealed was looked at before, by this version or another. */
function usable(value: string, name: string): string {
  const read = secretValue.safeParse(value);
  if (read.success) return value;
  throw invalid("secret_value_unusable", `the value of secret ${name} ${read.error.issues[0]?.message ?? "is unfit"}`);
}
