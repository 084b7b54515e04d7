import { chooseContext } from "../../config/choose-context.ts";
import { explain } from "../../config/explain.ts";
import { findConfig, readConfig, settings } from "../../config.ts";
import { closest } from "../../domain/closest.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson, coloured, note } from "../print.ts";
import { printable, sayState } from "../say.ts";
import { table } from "../table.ts";

/** Says each setting and where it comes from; then, with its exit code, what is wrong with them. */
export async function showConfig(options: { readonly json?: true }): Promise<number> {
  const found = findConfig();
  const faulty = found.faults.length > 0;
  const explained = explain(settings.shape, found, faulty ? {} : { LEASEHOLD_DATA_DIR: readConfig().dataDir });
  const files = found.files.map(({ path, state }) => ({ path, state }));
  const contexts = [...found.contexts].map(([name, { url }]) => ({ name, url }));
  if (options.json === true) answerJson({ settings: explained, files, contexts, faults: found.faults });
  else {
    const rows = explained.map(({ key, variable, value, source }) => [key ?? "-", printable(value ?? "-"), source === "default" ? coloured("dim", source) : source, variable]);
    answer(table(["SETTING", { name: "VALUE", gives: 2, least: 16, wrap: true }, { name: "FROM", gives: 1, least: 12, wrap: true }, { name: "VARIABLE", optional: 1 }], rows));
    answer(`\n${table(["FILE", "STATE"], files.map(({ path, state }) => [path, sayState(state)]))}`);
    if (contexts.length > 0) answer(`\n${table(["CONTEXT", "URL"], contexts.map(({ name, url }) => [name, url]))}`);
  }
  // Says what is wrong as every other command would.
  if (faulty) readConfig();
  return exitCodes.ok;
}

/** Chooses which of the APIs in the configuration files is talked to from now on. */
export async function useContext(name: string | undefined, options: { readonly none?: true; readonly json?: true }): Promise<number> {
  const { contexts, files, own } = findConfig();
  if (own === null) throw new CliError(exitCodes.config, "there is no HOME to keep that in; set LEASEHOLD_CONFIG to a file");
  const file = files.find(({ path }) => path === own) ?? { path: own, state: "absent", content: {} };
  // What could not be read would be lost.
  if (file.state === "faulty") readConfig();
  if (name !== undefined && !contexts.has(name)) {
    const meant = closest(name, [...contexts.keys()]);
    throw new CliError(exitCodes.notFound, `there is no context ${name}; ${meant === undefined ? `\`contexts\` in ${own} lists them: {"contexts": {"${name}": {"url": "https://...", "token": "..."}}}` : `did you mean ${meant}?`}`);
  }
  await chooseContext(file, name ?? null);
  const over = findConfig().from.get("LEASEHOLD_URL");
  if (over?.name === "environment") note("The environment says otherwise: LEASEHOLD_URL or LEASEHOLD_CONTEXT is set.");
  if (options.json === true) answerJson({ context: name ?? null, file: own });
  else answer(name === undefined ? "No context is used any more." : `From now on commands go to ${name} (${contexts.get(name)?.url ?? ""}).`);
  return exitCodes.ok;
}
