import { access } from "node:fs/promises";
import { invalid } from "../../domain/errors.ts";
import { writePrivate } from "../../embedded/private-file.ts";
import { formatKeys, newMasterKey, readKeyFile } from "../../secrets/key-file.ts";
import { readConfig } from "../../config.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo } from "../say.ts";
import { table } from "../table.ts";

interface Json {
  readonly json?: true;
}

/** Makes a file with one master key. */
export async function newKeyFile(path: string, options: Json): Promise<number> {
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) throw invalid("master_key_file_exists", `${path} is there already; to add a key to it: leasehold secret key rotate`);
  const key = newMasterKey();
  await writePrivate(path, formatKeys([key]));
  return told(options, { id: key.id, file: path }, `Master key ${key.id} is in ${path}. Give that file to every api, worker and reaper (LEASEHOLD_MASTER_KEY_FILE), and keep a copy: without it secrets cannot be read.`);
}

/** Puts a new key into this machine's file, to be sealed with from now on; or, with `later`, to be read with until every machine has it. */
export async function rotateKey(options: Json & { readonly file?: string; readonly later?: true }): Promise<number> {
  const path = options.file ?? (await ownFile());
  const { keys } = await readKeyFile(path);
  const key = newMasterKey();
  const [first, ...rest] = keys;
  await writePrivate(path, formatKeys(options.later === true && first !== undefined ? [first, key, ...rest] : [key, ...keys]));
  const next = options.later === true ? `once every machine has this file, put its line first` : `values are sealed anew in the background; see how far with: leasehold secret key list`;
  return told(options, { id: key.id, file: path }, `Master key ${key.id} is in ${path}; ${next}.`);
}

/** Takes a key out of this machine's file, once nothing is sealed under it. */
export async function dropKey(id: string, options: Json & { readonly file?: string }): Promise<number> {
  const path = options.file ?? (await ownFile());
  const { keys } = await readKeyFile(path);
  if (!keys.some((key) => key.id === id)) throw invalid("master_key_not_found", `${path} has no key ${id}; it has ${keys.map((key) => key.id).join(", ")}`);
  const client = await connect();
  if ((await client.secrets.masterKeys()).some((key) => key.id === id)) await client.secrets.forgetMasterKey(id);
  await writePrivate(path, formatKeys(keys.filter((key) => key.id !== id)));
  return told(options, { id, file: path }, `Master key ${id} is not in ${path} any more. Backups of the database from before need it still.`);
}

/** How far a rotation has got. */
export async function listKeys(options: Json): Promise<number> {
  const all = await (await connect()).secrets.masterKeys();
  if (options.json === true) answerJson(all);
  else if (all.length === 0) answer("Nothing was ever sealed here.");
  else answer(table(["KEY", "SEALS", "VALUES", "IN USE SINCE"], all.map(({ id, newest, values, createdAt }) => [printable(id), newest ? "yes" : "-", String(values), sayAgo(createdAt)])));
  return exitCodes.ok;
}

async function ownFile(): Promise<string> {
  const { keyFileOf } = await import("../../app/secrets.ts");
  const path = await keyFileOf(readConfig());
  if (path === undefined) throw invalid("master_key_unconfigured", "there is no file of master keys here; name one with --file or LEASEHOLD_MASTER_KEY_FILE, or make one with: leasehold secret key new FILE");
  return path;
}

function told({ json }: Json, facts: object, line: string): number {
  if (json === true) answerJson(facts);
  else answer(line);
  return exitCodes.ok;
}
