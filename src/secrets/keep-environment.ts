import { createHash } from "node:crypto";
import type { Db } from "../db/client.ts";
import { type Environment, insertEnvironment, type NewEnvironment } from "../db/environments.ts";
import { insertSecret, secretNotFound } from "../db/secrets.ts";
import { leavePasted, pastedInto, replaceUses, secretsOf } from "../db/secret-uses.ts";
import { nextVersion } from "../db/secret-versions.ts";
import { newId } from "../domain/ids.ts";
import type { EnvironmentVariables } from "../domain/request.ts";
import { isSecretRef, type SecretRef, sealedStore } from "../domain/secret.ts";
import { fieldName, type FieldPath, type FoundSecret, withFields } from "../domain/secret-fields.ts";
import { checkReferences } from "./check-references.ts";
import type { SecretParts } from "./parts.ts";
import { putVersion } from "./put-version.ts";
import { sealingKey } from "./sealing-key.ts";

/** What of an environment may have secrets in it. */
export interface Holding {
  readonly config: Record<string, unknown>;
  /** The config's secret fields. */
  readonly fields: readonly FoundSecret[];
  readonly envVars: EnvironmentVariables;
}

/** Writes an environment down, its secrets with it, in one transaction. Throws as `insertEnvironment` and `keepSecrets` do. */
export const createEnvironment = (parts: SecretParts, companyId: string, row: NewEnvironment, fields: readonly FoundSecret[]): Promise<Environment> =>
  parts.db.transaction((tx) => {
    const id = newId();
    return keepSecrets(tx, parts, { companyId, id }, { ...row, fields }, (config) => insertEnvironment(tx, companyId, { ...row, config }, id));
  });

/**
 * Has values that were pasted into secret fields of an environment's config become secrets of their own, or new versions of those that
 * were pasted there before, and `write` write the config down with references in their place. All references are the company's
 * own, and stay as long as the environment refers to them. A secret whose value was pasted and that is not referred to any more is
 * left to the purge, which waits for the leases that need it.
 *
 * Throws as `write` and `checkReferences` do, and `refused` when there is no master key to seal with.
 */
export async function keepSecrets<T>(tx: Db, parts: SecretParts, { companyId, id }: { readonly companyId: string; readonly id: string }, { config, fields, envVars }: Holding, write: (config: Record<string, unknown>) => Promise<T>): Promise<T> {
  const pasted = fields.flatMap(({ value }) => (isSecretRef(value) ? [] : [parts.known.hold(value)]));
  try {
    const [known, before] = [await pastedInto(tx, id), await secretsOf(tx, id)];
    const given = [...fields.map(({ path, value }) => ({ field: fieldName(path), value })), ...Object.entries(envVars).map(([name, value]) => ({ field: `envVars.${name}`, value }))];
    const refs = given.flatMap(({ field, value }) => (isSecretRef(value) ? [{ field, ref: value }] : []));
    // What it refers to already, it may go on referring to, disabled or not.
    await checkReferences(tx, companyId, refs.filter(({ ref }) => !before.has(ref.secretId)).map(({ field, ref }) => ({ field: `environment.${field}`, ref })), { lock: true });
    const secrets = fields.flatMap(({ path, value }): Planned[] => (isSecretRef(value) ? [] : [{ path, ref: latest(known.get(fieldName(path)) ?? newId()), value }]));
    // The environment first: its secrets belong to it.
    const written = await write(withFields(config, secrets.map(({ path, ref }) => ({ path, value: ref }))));
    const key = secrets.length === 0 ? null : await sealingKey(tx, parts.ring);
    for (const { path, ref, value } of secrets) {
      if (key === null) break;
      const field = fieldName(path);
      const version = known.get(field) === ref.secretId ? await nextVersion(tx, ref.secretId) : 1;
      if (version === undefined) throw secretNotFound(ref.secretId);
      if (version === 1) await insertSecret(tx, companyId, { name: nameFor(id, field), store: sealedStore, version, field, environmentId: id }, { id: ref.secretId });
      await putVersion(tx, key, { companyId, secretId: ref.secretId, version }, value);
    }
    const uses = [...refs, ...secrets.map(({ path, ref }) => ({ field: fieldName(path), ref }))].map(({ field, ref }) => ({ field, secretId: ref.secretId }));
    await replaceUses(tx, id, uses);
    const used = new Set(uses.map(({ secretId }) => secretId));
    await leavePasted(tx, [...known.values()].filter((secretId) => !used.has(secretId)));
    return written;
  } finally {
    for (const held of pasted) held[Symbol.dispose]();
  }
}

interface Planned {
  readonly path: FieldPath;
  readonly ref: SecretRef;
  /** What is to be sealed under that reference. */
  readonly value: string;
}

const latest = (secretId: string): SecretRef => ({ type: "secret_ref", secretId, version: "latest" });

/** What a pasted secret is called: after its environment and field, in letters that a name may have. */
function nameFor(environmentId: string, field: string): string {
  const name = `environment-${environmentId}-${field}`;
  if (/^[A-Za-z0-9._/-]{1,200}$/.test(name)) return name;
  return `${name.replace(/[^A-Za-z0-9._/-]/g, "_").slice(0, 180)}-${createHash("sha256").update(field).digest("hex").slice(0, 12)}`;
}
