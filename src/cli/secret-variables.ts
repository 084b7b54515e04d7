import type { Leasehold, SecretRef } from "../client/index.ts";

/** References to secrets, by variable. Names are looked up; so it is found out here, and not by the run, that there is none. */
export async function secretVariables(client: Leasehold, wanted: Readonly<Record<string, string>> | undefined): Promise<Record<string, SecretRef>> {
  const entries = await Promise.all(
    Object.entries(wanted ?? {}).map(async ([variable, text]) => {
      const [, name = text, version] = /^(.+)@(\d+|latest)$/.exec(text) ?? [];
      const { id } = await client.secrets.get(name);
      return [variable, { type: "secret_ref", secretId: id, version: version === undefined || version === "latest" ? "latest" : Number(version) }] as const;
    }),
  );
  return Object.fromEntries(entries);
}
