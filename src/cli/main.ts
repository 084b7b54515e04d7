#!/usr/bin/env node
import { CommanderError } from "commander";
import { packageVersion } from "../app/version.ts";
import { exitOf } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { longRunning } from "./long-running.ts";
import { complain, surviveClosedPipes } from "./print.ts";
import { buildProgram } from "./program.ts";

surviveClosedPipes();
const { before, command } = splitAtDashes(process.argv.slice(2));
const program = buildProgram({
  version: packageVersion(),
  command,
  longRunning,
  exit: (code) => {
    process.exitCode = code;
  },
});
try {
  await program.parseAsync(before, { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) {
    // It has said already what is wrong; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  } else {
    const { code, message } = exitOf(error);
    complain(message);
    process.exitCode = code;
  }
}

/** A command to run stands after `--` and is none of the option parser's business: it may be called `list`. */
function splitAtDashes(argv: readonly string[]): { before: string[]; command: string[] | null } {
  const at = argv.indexOf("--");
  const runs = argv[0] === "run" || (argv[0] === "lease" && argv[1] === "exec");
  if (!runs || at === -1) return { before: [...argv], command: null };
  return { before: argv.slice(0, at), command: argv.slice(at + 1) };
}
