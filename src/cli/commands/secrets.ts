import { LeaseholdRequestError, type Secret, type SecretSummary } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo } from "../say.ts";
import { secretValue } from "../secret-value.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

interface Json {
  readonly json?: true;
}

export interface SetOptions extends Json {
  readonly description?: string;
  /** `STORE:PATH`, with `#KEY` behind it for one of its fields. */
  readonly from?: { readonly store: string; readonly path: string; readonly key?: string };
}

/** Keeps a value under a name: a new secret, or a new version of the one that has it. */
export async function setSecret(name: string, { from, description, ...options }: SetOptions): Promise<number> {
  const client = await connect();
  const about = description === undefined ? {} : { description };
  if (from !== undefined) return told(await client.secrets.create({ name, ...about, ...from }), options, (s) => `Secret ${s.name} (${s.id}) is what store ${s.store} has at ${s.path}.`);
  const value = await secretValue(name);
  try {
    return told(await client.secrets.create({ name, ...about, value }), options, (s) => `Secret ${s.name} (${s.id}) is kept. Use it with: leasehold run --env-secret VARIABLE=${s.name} -- COMMAND`);
  } catch (error) {
    if (!(error instanceof LeaseholdRequestError) || error.code !== "secret_name_taken") throw error;
    return told(await client.secrets.rotate(name, value), options, rotated);
  }
}

export async function rotateSecret(name: string, options: Json): Promise<number> {
  const { secrets } = await connect();
  // Looked for first: nobody wants to type a value for nothing.
  const { id } = await orMeant(name, () => secrets.get(name), secrets);
  return told(await secrets.rotate(id, await secretValue(name)), options, rotated);
}

const rotated = (s: Secret): string => `Secret ${s.name} has version ${s.version} now.${s.openLeases === 0 ? "" : ` ${s.openLeases} open ${s.openLeases === 1 ? "lease was" : "leases were"} given it; what they were given they keep.`}`;

export async function listSecrets(options: Json): Promise<number> {
  const all = await take((await connect()).secrets.list({ pageSize: 200 }), Number.POSITIVE_INFINITY);
  if (options.json === true) answerJson(all);
  else if (all.length === 0) answer("There are no secrets; keep one with: leasehold secret set NAME");
  else answer(table(["NAME", "STATUS", "VERSION", "KEPT IN", "CHANGED", "ID"], all.map(row)));
  return exitCodes.ok;
}

const row = (s: SecretSummary): string[] => [printable(s.name), s.status, s.version === null ? "-" : String(s.version), placeOf(s), sayAgo(s.updatedAt), s.id];

const placeOf = ({ store, path, key }: SecretSummary): string => (path === null ? "sealed here" : printable(`${store}:${path}${key === null ? "" : `#${key}`}`));

export async function showSecret(name: string, options: Json): Promise<number> {
  const { secrets } = await connect();
  const s = await orMeant(name, () => secrets.get(name), secrets);
  const accesses = await take(secrets.accesses(s.id), 10);
  if (options.json === true) answerJson({ ...s, accesses });
  else {
    answer(
      facts([
        ["Name", printable(s.name)],
        ["Id", s.id],
        ["Description", s.description === null ? null : printable(s.description)],
        ["Status", s.status],
        ["Kept in", placeOf(s)],
        ["Versions", s.versions.length === 0 ? null : s.versions.map(({ version, createdAt }) => `${version} (${sayAgo(createdAt)})`).join(", ")],
        ["Pasted into", s.field],
        ["Used by", s.uses.length === 0 ? "no environment" : s.uses.map(({ environment, field }) => `${printable(environment)} (${printable(field)})`).join(", ")],
        ["Open leases", String(s.openLeases)],
        ["Created", s.createdAt],
      ]),
    );
    if (accesses.length > 0) answer(`\n${table(["GIVEN", "VERSION", "FOR", "RUN", "LEASE", "BY"], accesses.map((a) => [sayAgo(a.at), a.version === null ? "-" : String(a.version), a.purpose, a.runId ?? "-", a.leaseId ?? "-", printable(a.who)]))}`);
  }
  return exitCodes.ok;
}

export async function changeSecret(name: string, change: "disable" | "enable", options: Json): Promise<number> {
  const { secrets } = await connect();
  const changed = await orMeant(name, () => secrets[change](name), secrets);
  return told(changed, options, (s) => (change === "enable" ? `Secret ${s.name} may be used again.` : `Secret ${s.name} is given to nobody any more.${s.openLeases === 0 ? "" : ` ${s.openLeases} open ${s.openLeases === 1 ? "lease goes" : "leases go"} on with it.`}`));
}

export async function removeSecret(name: string, { force, ...options }: Json & { readonly force?: true }): Promise<number> {
  const { secrets } = await connect();
  const removed = await orMeant(name, () => secrets.remove(name, force === undefined ? {} : { force }), secrets);
  return told(removed, options, (s) => `Secret ${s.name} is deleted, its values at once.${s.openLeases === 0 ? "" : ` ${s.openLeases} open ${s.openLeases === 1 ? "lease goes" : "leases go"} on with it.`}`);
}

export async function listStores(options: Json): Promise<number> {
  const all = await (await connect()).secrets.stores();
  if (options.json === true) answerJson(all);
  else if (all.length === 0) answer("There are no stores outside that this company may read; the operator sets them up and grants paths.");
  else answer(table(["STORE", "TYPE", "PATHS"], all.map(({ name, type, paths }) => [name, type, paths.map(printable).join(", ")])));
  return exitCodes.ok;
}

function told(secret: Secret, { json }: Json, say: (secret: Secret) => string): number {
  if (json === true) answerJson(secret);
  else answer(printable(say(secret)));
  return exitCodes.ok;
}
