import type { Command } from "commander";
import { closest } from "../domain/closest.ts";
import { duration, variable } from "./options.ts";

/** Options about a command, wherever it is to run. */
export const withCommandOptions = (program: Command): Command =>
  program
    .option("--cwd <dir>", "directory to start in, inside the workspace")
    .option("--env-var <name=value>", "environment variable of the command; may be repeated", variable)
    .option("--env-secret <name=secret>", "environment variable whose value is a secret, by its name or id, @n for a version; may be repeated", variable)
    .option("--redact-output", "replace the secrets that the command is given by *** in its output")
    .option("--stdin <file>", "what the command reads on its stdin; - for ours")
    .option("--timeout <duration>", "how long the command may run, like 90s or 2h", duration);

/** The command that stood after `--`. Ends with a usage error when there is none, or when something else than options stood before. */
export function commandAfterDashes(self: Command, command: readonly string[] | null, example: string): readonly string[] {
  if (command === null || command.length === 0) {
    const meant = closest(self.args[0], self.commands.map((one) => one.name()));
    if (meant !== undefined) self.error(`error: unknown command '${self.args[0]}'\n(Did you mean ${self.name()} ${meant}?)`);
    self.error(self.args.length === 0 ? "error: give the command to run after --" : `error: the command to run stands after --, like: ${example}`);
  }
  if (self.args.length > 0) self.error(`error: ${self.args.join(" ")}: nothing but options may stand before --`);
  return command ?? [];
}
