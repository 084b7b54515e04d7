import type { Secret, SecretAccess } from "../db/secrets.ts";
import { sealedStore } from "../domain/secret.ts";
import type * as wire from "../wire/secret.ts";

export const presentSecret = (row: Secret): wire.SecretSummary => ({
  id: row.id,
  name: row.name,
  description: row.description,
  status: row.status,
  store: row.store,
  path: row.reference?.path ?? null,
  key: row.reference?.key ?? null,
  version: row.store === sealedStore ? row.version : null,
  environmentId: row.environmentId,
  field: row.field,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

export const presentSecretAccess = (row: SecretAccess): wire.SecretAccess => ({
  id: row.id,
  version: row.version === 0 ? null : row.version,
  leaseId: row.leaseId,
  runId: row.runId,
  purpose: row.purpose,
  who: row.who,
  at: row.at.toISOString(),
});
