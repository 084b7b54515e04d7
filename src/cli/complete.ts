import { type Command, Help, type Option } from "commander";

/** One word that may come next, and what it means. */
export interface Candidate {
  readonly word: string;
  readonly meaning: string;
}

/** Gives the names that there are of something, from wherever they are kept; `after` are the words of commands before it. */
export type Names = (of: string) => Promise<readonly Candidate[]>;

/** What an option or an argument takes that is neither one of a few words nor a name we could look up. */
const nothing: readonly Candidate[] = [];

/**
 * What may come next on a command line of which so much is typed; the last word is begun, and may be empty. Nothing where
 * anything could come, as for a file or after `--`: the shell then does what it usually does.
 */
export async function complete(program: Command, typed: readonly string[], names: Names): Promise<readonly Candidate[]> {
  const begun = typed.at(-1) ?? "";
  const before = typed.slice(0, -1);
  if (before.includes("--")) return nothing;
  let command = program;
  let taken = 0;
  let open: Option | undefined;
  for (const word of before) {
    if (open !== undefined) {
      open = undefined;
      continue;
    }
    const option = word.startsWith("-") ? command.options.find(({ long, short }) => word === long || word === short) : undefined;
    if (option !== undefined) open = option.required ? option : undefined;
    else if (!word.startsWith("-")) {
      const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (next === undefined) taken += 1;
      else command = next;
    }
  }
  const fit = (candidates: readonly Candidate[]): readonly Candidate[] => candidates.filter(({ word }) => word.startsWith(begun));
  if (open !== undefined) return fit(open.argChoices === undefined ? await names(open.long ?? "") : open.argChoices.map((word) => ({ word, meaning: "" })));
  const help = new Help();
  if (begun.startsWith("-")) return fit(help.visibleOptions(command).flatMap(({ long, description }) => (long == null ? [] : [{ word: long, meaning: description }])));
  if (command.commands.length > 0 && taken === 0) return fit(help.visibleCommands(command).map((one) => ({ word: one.name(), meaning: one.summary() || one.description() })));
  const argument = command.registeredArguments[taken];
  if (argument === undefined) return nothing;
  return fit(argument.argChoices === undefined ? await names(pathOf(command)) : argument.argChoices.map((word) => ({ word, meaning: "" })));
}

/** Like `env show`. */
function pathOf(command: Command): string {
  const words: string[] = [];
  for (let at: Command | null = command; at?.parent != null; at = at.parent) words.unshift(at.name());
  return words.join(" ");
}
