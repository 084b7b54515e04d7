import { createHash } from "node:crypto";
import type { Db } from "../db/client.ts";
import { type Environment, insertEnvironment, type NewEnvironment } from "../db/environments.ts";
import { insertSecret, secretNotFound } from "../db/secrets.ts";
import { pastedInto, replaceUses } from "../db/secret-uses.ts";
import { nextVersion } from "../db/secret-versions.ts";
import { newId } from "../domain/ids.ts";
import type { EnvironmentVariables } from "../domain/request.ts";
import { isSecretRef, type SecretRef, sealedStore } from "../domain/secret.ts";
import { fieldName, type FieldPath, type FoundSecret, withFields } from "../domain/secret-fields.ts";
import { checkReferences } from "./check-references.ts";
import type { SecretParts } from "./parts.ts";
import { putVersion } from "./put-version.ts";
import { sealingKey } from "./sealing-key.ts";

/** An environment that is to be made, with the secrets in it. */
export const createEnvironment = (parts: SecretParts, companyId: string, row: NewEnvironment, fields: readonly FoundSecret[]): Promise<Environment> => {
  const id = newId();
  return writeEnvironment(parts, { companyId, id, fields, envVars: row.envVars }, (tx, kept) => insertEnvironment(tx, companyId, { ...row, config: kept(row.config) }, id));
};

/** Puts references in the place of what was pasted into a config. */
export type Keep = (config: Record<string, unknown>) => Record<string, unknown>;

/**
 * Writes an environment down, its secrets with it, in one transaction: values that were pasted into secret fields of its config
 * become secrets of their own, or new versions of those that were pasted there before, and only references to them are kept. All
 * references are the company's own, and stay as long as the environment refers to them.
 *
 * `fields` are the config's secret fields, `envVars` its variables. Throws as `write` and `checkReferences` do, and `refused` when there is no master key
 * to seal with.
 */
export async function writeEnvironment(
  parts: SecretParts,
  { companyId, id, fields, envVars }: { readonly companyId: string; readonly id: string; readonly fields: readonly FoundSecret[]; readonly envVars: EnvironmentVariables },
  write: (tx: Db, kept: Keep) => Promise<Environment>,
): Promise<Environment> {
  const pasted = fields.flatMap(({ value }) => (isSecretRef(value) ? [] : [parts.known.hold(value)]));
  try {
    const key = pasted.length === 0 ? null : await sealingKey(parts.db, parts.ring);
    return await parts.db.transaction(async (tx) => {
      const given = [...fields.map(({ path, value }) => ({ field: fieldName(path), value })), ...Object.entries(envVars).map(([name, value]) => ({ field: `envVars.${name}`, value }))];
      const refs = given.flatMap(({ field, value }) => (isSecretRef(value) ? [{ field, ref: value }] : []));
      await checkReferences(tx, companyId, refs.map(({ field, ref }) => ({ field: `environment.${field}`, ref })), { lock: true });
      const known = await pastedInto(tx, id);
      const secrets = fields.map(({ path, value }): Planned => (isSecretRef(value) ? { path, ref: value } : { path, ref: latest(known.get(fieldName(path)) ?? newId()), value }));
      // The environment first: its secrets belong to it.
      const written = await write(tx, (config) => withFields(config, secrets.map(({ path, ref }) => ({ path, value: ref }))));
      for (const { path, ref, value } of secrets) {
        if (value === undefined || key === null) continue;
        const field = fieldName(path);
        const version = known.get(field) === ref.secretId ? await nextVersion(tx, ref.secretId) : 1;
        if (version === undefined) throw secretNotFound(ref.secretId);
        if (version === 1) await insertSecret(tx, companyId, { name: nameFor(id, field), store: sealedStore, version, field, environmentId: id }, { id: ref.secretId });
        await putVersion(tx, key, { companyId, secretId: ref.secretId, version }, value);
      }
      const pastedRefs = secrets.flatMap(({ path, ref, value }) => (value === undefined ? [] : [{ field: fieldName(path), ref }]));
      await replaceUses(tx, id, [...refs, ...pastedRefs].map(({ field, ref }) => ({ field, secretId: ref.secretId })));
      return written;
    });
  } finally {
    for (const held of pasted) held[Symbol.dispose]();
  }
}

interface Planned {
  readonly path: FieldPath;
  readonly ref: SecretRef;
  /** What is to be sealed under that reference, where a value was pasted. */
  readonly value?: string;
}

const latest = (secretId: string): SecretRef => ({ type: "secret_ref", secretId, version: "latest" });

/** What a pasted secret is called: after its environment and field, in letters that a name may have. */
function nameFor(environmentId: string, field: string): string {
  const name = `environment-${environmentId}-${field}`;
  if (/^[A-Za-z0-9._/-]{1,200}$/.test(name)) return name;
  return `${name.replace(/[^A-Za-z0-9._/-]/g, "_").slice(0, 180)}-${createHash("sha256").update(field).digest("hex").slice(0, 12)}`;
}
