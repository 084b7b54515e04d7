import { getCompany } from "../db/companies.ts";
import { insertSecret, type Secret } from "../db/secrets.ts";
import { newId } from "../domain/ids.ts";
import { sealedStore } from "../domain/secret.ts";
import type { NewSecretRequest } from "./request.ts";
import type { SecretParts } from "./parts.ts";
import { putVersion } from "./put-version.ts";
import { sealingKey } from "./sealing-key.ts";

/**
 * Keeps a company's secret: a value, sealed, or where it is in a store outside. Throws `invalid` when the name is taken (409) or the
 * company may not read that path (404), and `refused` when there is no master key to seal with.
 */
export async function createSecret(parts: SecretParts, companyId: string, wanted: NewSecretRequest): Promise<Secret> {
  const { name, description = null } = wanted;
  if ("store" in wanted) {
    const { store, path, key } = wanted;
    const reference = { path, ...(key === undefined ? {} : { key }) };
    parts.stores.check((await getCompany(parts.db, companyId)).name, store, reference);
    return insertSecret(parts.db, companyId, { name, description, store, reference });
  }
  using _known = parts.known.hold(wanted.value);
  const key = await sealingKey(parts.db, parts.ring);
  const id = newId();
  return parts.db.transaction(async (tx) => {
    const made = await insertSecret(tx, companyId, { name, description, store: sealedStore, version: 1 }, { id });
    await putVersion(tx, key, { companyId, secretId: id, version: 1 }, wanted.value);
    return made;
  });
}
