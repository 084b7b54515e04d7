import type { Command } from "commander";
import { buildProgram, type LongRunning } from "../../src/cli/program.ts";

const nothing = async (): Promise<void> => {};
const longRunning = new Proxy({} as LongRunning, { get: () => nothing });

/** The whole command line, of which no command does anything. `command` is what stands after `--`. */
export function inertProgram(command: readonly string[] | null = null): Command {
  const program = buildProgram({ version: "0.0.0", command, longRunning, silent: true, exit: () => {} });
  for (const { command: one } of everyCommand(program)) if (isLeaf(one)) one.action(nothing);
  return program;
}

export interface Walked {
  /** As it is typed, without `leasehold`. */
  readonly path: string;
  readonly command: Command;
}

/** Every command below `program`, in the order of the help, `help` itself apart. */
export function everyCommand(program: Command, above = ""): Walked[] {
  return program.commands
    .filter((command) => command.name() !== "help")
    .flatMap((command) => {
      const path = `${above} ${command.name()}`.trim();
      return [{ path, command }, ...everyCommand(command, path)];
    });
}

/** Whether it does something itself. */
export const isLeaf = (command: Command): boolean => command.commands.length === 0 || command.name() === "run";

/** What `--help` of it prints on a terminal of 80 columns. */
export function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (piece) => void (text += piece), getOutHelpWidth: () => 80 }).outputHelp();
  return text;
}

/** The examples in a help, a line each. */
export function examplesIn(help: string): string[] {
  const [, after = ""] = help.split("\nExamples:\n");
  const lines = after.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("  "));
  return lines.slice(0, end === -1 ? undefined : end).map((line) => line.trim());
}

/** Has the program read what a shell would give it. Throws what it has to say against that. */
export async function understood(example: string): Promise<void> {
  const [, line = ""] = /(?:^| )leasehold (.*?)(?: +#.*| [|&<>].*)?$/.exec(example) ?? [];
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const dashes = words.indexOf("--");
  const [before, after] = dashes === -1 ? [words, null] : [words.slice(0, dashes), words.slice(dashes + 1)];
  await inertProgram(after).parseAsync(before, { from: "user" });
}
