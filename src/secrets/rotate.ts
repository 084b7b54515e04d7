import { getSecret, type Secret, secretNotFound } from "../db/secrets.ts";
import { nextVersion } from "../db/secret-versions.ts";
import { invalid } from "../domain/errors.ts";
import { sealedStore } from "../domain/secret.ts";
import type { SecretParts } from "./parts.ts";
import { putVersion } from "./put-version.ts";
import { sealingKey } from "./sealing-key.ts";

/**
 * Gives a secret a new version, which is the latest from now on; leases that have been given an older one keep it. Throws
 * `invalid`: `secret_not_found` (404), `secret_kept_outside` (409).
 */
export async function rotateSecret(parts: SecretParts, companyId: string, wanted: string, value: string): Promise<Secret> {
  using _known = parts.known.hold(value);
  const secret = await getSecret(parts.db, companyId, wanted);
  if (secret.store !== sealedStore) throw invalid("secret_kept_outside", `the value of ${secret.name} is kept in store ${secret.store}; change it there`, { status: 409 });
  const key = await sealingKey(parts.db, parts.ring);
  await parts.db.transaction(async (tx) => {
    const version = await nextVersion(tx, secret.id);
    if (version === undefined) throw secretNotFound(wanted);
    await putVersion(tx, key, { companyId, secretId: secret.id, version }, value);
  });
  return getSecret(parts.db, companyId, secret.id);
}
