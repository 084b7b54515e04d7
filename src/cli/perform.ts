import { CommanderError } from "commander";
import { packageVersion } from "../app/version.ts";
import { exitOf, usageFailure } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { longRunning } from "./long-running.ts";
import { fail, forProgram, surviveClosedPipes, withoutColours } from "./print.ts";
import { buildProgram } from "./program.ts";

/** Does what a command line says. Gives the exit code; whatever is wrong has been said. */
export async function perform(argv: readonly string[]): Promise<number> {
  surviveClosedPipes();
  const { before, command } = splitAtDashes(argv);
  const json = before.includes("--json");
  if (json) forProgram();
  if (before.includes("--no-color")) withoutColours();
  let code: number = exitCodes.ok;
  const program = buildProgram({
    version: packageVersion(),
    command,
    longRunning,
    silent: json,
    exit: (given) => {
      code = given;
    },
  });
  try {
    if (argv[0] === "complete" && argv[1] === "--") {
      await (await import("./commands/complete.ts")).answerShell(program, argv.slice(2));
      return code;
    }
    // Valid anywhere, and none of the commands' business.
    await program.parseAsync(before.filter((word) => word !== "--no-color"), { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has told people already what is wrong; help and version are no errors.
      if (error.exitCode === 0) return exitCodes.ok;
      const { message, problem } = usageFailure(error.message.replace(/^error: /, ""));
      if (json) fail(message, problem);
      return exitCodes.usage;
    }
    const failure = exitOf(error);
    fail(failure.message, failure.problem);
    return failure.code;
  }
}

/** A command to run stands after `--` and is none of the option parser's business: it may be called `list`. */
function splitAtDashes(argv: readonly string[]): { before: string[]; command: string[] | null } {
  const at = argv.indexOf("--");
  const words = argv.filter((word) => word !== "--no-color");
  const runs = words[0] === "run" || (words[0] === "lease" && words[1] === "exec");
  if (!runs || at === -1) return { before: [...argv], command: null };
  return { before: argv.slice(0, at), command: argv.slice(at + 1) };
}
