import { forgetSecret, insertSecret } from "../db/secrets.ts";
import { timing } from "../domain/defaults.ts";
import { newId } from "../domain/ids.ts";
import { isSecretRef, type SecretRef, sealedStore } from "../domain/secret.ts";
import { fieldName, type FoundSecret, withFields } from "../domain/secret-fields.ts";
import { checkReferences } from "./check-references.ts";
import type { SecretParts } from "./parts.ts";
import { putVersion } from "./put-version.ts";
import { sealingKey } from "./sealing-key.ts";

/**
 * Has a config looked at that is not saved, without any value of it leaving this process unsealed: what was pasted into its secret
 * fields is kept for as long as `look` takes, and only references go on their way. Whoever dies meanwhile leaves it to the purge.
 */
export async function withProbeSecrets<T>(parts: SecretParts, companyId: string, config: Record<string, unknown>, fields: readonly FoundSecret[], look: (config: Record<string, unknown>) => Promise<T>): Promise<T> {
  await checkReferences(parts.db, companyId, fields.flatMap(({ path, value }) => (isSecretRef(value) ? [{ field: fieldName(path), ref: value }] : [])));
  const pasted = fields.flatMap(({ path, value }) => (isSecretRef(value) ? [] : [{ path, value, id: newId() }]));
  if (pasted.length === 0) return look(config);
  const held = pasted.map(({ value }) => parts.known.hold(value));
  try {
    const key = await sealingKey(parts.db, parts.ring);
    await parts.db.transaction(async (tx) => {
      for (const { path, value, id } of pasted) {
        await insertSecret(tx, companyId, { name: `probe-${id}`, store: sealedStore, version: 1, field: fieldName(path) }, { id, lifeMs: timing.secretProbe });
        await putVersion(tx, key, { companyId, secretId: id, version: 1 }, value);
      }
    });
    const ref = (secretId: string): SecretRef => ({ type: "secret_ref", secretId, version: "latest" });
    return await look(withFields(config, pasted.map(({ path, id }) => ({ path, value: ref(id) }))));
  } finally {
    for (const one of held) one[Symbol.dispose]();
    await Promise.all(pasted.map(({ id }) => forgetSecret(parts.db, id).catch(() => {})));
  }
}
