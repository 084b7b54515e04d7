import type { Db } from "../db/client.ts";
import { insertSecretVersion } from "../db/secret-versions.ts";
import { type MasterKey, seal, versionBinding } from "./seal.ts";

/** Seals a value and writes it down as a version. */
export async function putVersion(tx: Db, key: MasterKey, at: { readonly companyId: string; readonly secretId: string; readonly version: number }, value: string): Promise<void> {
  await insertSecretVersion(tx, at.secretId, at.version, { sealed: seal(key, value, versionBinding(at.companyId, at.secretId, at.version)), keyId: key.id });
}
