import { z } from "zod";
import type { SecretRef, StoreReference } from "../../domain/secret.ts";
import { denied, fieldNotThere, nonsense, notThere, versionNotThere } from "./errors.ts";
import type { SecretStore } from "./store.ts";
import { type VaultAnswer, vaultClient, type VaultPlace } from "./vault-client.ts";
import { type VaultLogin, vaultToken } from "./vault-token.ts";

export interface VaultSettings extends VaultPlace {
  /** Where the KV engine, version 2, is mounted. */
  readonly mount: string;
  readonly login: VaultLogin;
}

const metadata = z.object({ version: z.number().optional(), destroyed: z.boolean().optional(), deletion_time: z.string().optional() });
/** A version that was deleted has metadata and no data. */
const answerSchema = z.object({ data: z.object({ data: z.record(z.string(), z.unknown()).nullable(), metadata: metadata.nullish() }) });

/** HashiCorp Vault or OpenBao, its KV engine of version 2. The field of a secret is `value` when the reference names none. */
export function vaultStore(name: string, settings: VaultSettings): SecretStore {
  const client = vaultClient(name, settings);
  const token = vaultToken(name, client, settings.login);
  const segments = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

  const ask = async (reference: StoreReference, version: SecretRef["version"], signal: AbortSignal): Promise<VaultAnswer> => {
    const query = version === "latest" ? "" : `?version=${version}`;
    const path = `${segments(settings.mount)}/data/${segments(reference.path)}${query}`;
    const held = await token.get(signal);
    const answer = await client.call("GET", path, { token: held, signal });
    // A token may have been revoked before its time; whoever logs in gets another one, and asks once more.
    if (answer.status !== 403 || !(await token.drop(held))) return answer;
    return client.call("GET", path, { token: await token.get(signal), signal });
  };

  return {
    numbersVersions: true,
    read: async (reference, version, signal) => {
      const { status, body } = await ask(reference, version, signal);
      const read = answerSchema.safeParse(body);
      if (status === 404) throw read.success || version !== "latest" ? versionNotThere(name, reference, version) : notThere(name, reference);
      if (status === 403) throw denied(name, reference);
      if (status !== 200 || !read.success) throw nonsense(name, status === 200 ? "200 without a secret of the KV engine, version 2" : `${status}`);
      const { data } = read.data.data;
      if (data === null) throw versionNotThere(name, reference, version);
      const key = reference.key ?? "value";
      const value = Object.hasOwn(data, key) ? data[key] : undefined;
      if (typeof value !== "string") throw fieldNotThere(name, reference, key);
      return value;
    },
  };
}
