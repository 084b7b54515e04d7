import type { Leasehold } from "../../client/index.ts";
import { findConfig } from "../../config.ts";
import { type Candidate, complete } from "../complete.ts";
import { connect } from "../connect.ts";
import { answer } from "../print.ts";
import type { Command } from "commander";
import { printable } from "../say.ts";
import { take } from "../take.ts";

/** So many names are offered at most. */
const offered = 200;
/** Milliseconds for somebody who has pressed a key and waits for the line to go on. */
const patience = 1500;

type Source = (client: Leasehold, signal: AbortSignal) => AsyncIterable<Candidate>;

async function* candidates<T>(items: AsyncIterable<T>, of: (item: T) => Candidate): AsyncGenerator<Candidate> {
  for await (const item of items) yield of(item);
}

const environments: Source = (client, signal) => candidates(client.environments.list({ signal }), ({ name, driver }) => ({ word: name, meaning: driver }));
const secrets: Source = (client, signal) => candidates(client.secrets.list({ signal }), ({ name }) => ({ word: name, meaning: "" }));
const companies: Source = (client, signal) => candidates(client.companies.list({ signal }), ({ name }) => ({ word: name, meaning: "" }));
const hosts: Source = (client, signal) => candidates(client.hosts.list({ signal }), ({ id, name }) => ({ word: id, meaning: name }));
const runs: Source = (client, signal) => candidates(client.runs.list({ signal }), ({ id, phase, command }) => ({ word: id, meaning: `${phase}: ${command.join(" ")}` }));
const leases: Source = (client, signal) => candidates(client.leases.list({ signal }), ({ id, state, backend }) => ({ word: id, meaning: `${state} ${backend}` }));

/** What is looked up for an option, or for the argument of a command. */
const sources: readonly (readonly [RegExp, Source])[] = [
  [/^--env$|^env (?!create$)/, environments],
  [/^secret (?!set$|stores$)/, secrets],
  [/^--company$|^company (?!create$)|^token /, companies],
  [/^host /, hosts],
  [/^run /, runs],
  [/^lease /, leases],
];

/** Names that the API knows, or the configuration. None where it cannot be asked: whoever types wants to go on. */
async function names(of: string): Promise<readonly Candidate[]> {
  if (of === "config use") return [...findConfig().contexts].map(([name, { url }]) => ({ word: name, meaning: url }));
  const source = sources.find(([pattern]) => pattern.test(of))?.[1];
  if (source === undefined) return [];
  try {
    return await take(source(await connect(), AbortSignal.timeout(patience)), offered);
  } catch {
    return [];
  }
}

/** Answers a shell: a line for each word that may come next, with what it means behind a tab. */
export async function answerShell(program: Command, typed: readonly string[]): Promise<void> {
  // A name with a line break would be two.
  for (const { word, meaning } of await complete(program, typed, names)) if (printable(word) === word) answer(`${word}\t${printable(meaning).slice(0, 80)}`);
}
