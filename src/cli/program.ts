import { Command, Option } from "commander";
import { driverKinds } from "../domain/driver-kind.ts";
import { exitCodeHelp } from "./exit-codes.ts";
import { duration, names, priority, wholeNumber } from "./options.ts";
import { companyCommands } from "./program-companies.ts";
import { commandAfterDashes, withCommandOptions } from "./program-command.ts";
import { hostCommands } from "./program-hosts.ts";
import { environmentCommands, leaseCommands } from "./program-resources.ts";
import { reconcileCommands } from "./program-reconcile.ts";
import { runSubcommands } from "./program-run.ts";
import { secretCommands } from "./program-secrets.ts";

/** The commands that are not clients of the API: given from outside. */
export interface LongRunning {
  up(options: { workers?: number }): Promise<void>;
  api(): Promise<void>;
  worker(options: { backends: string[]; concurrency?: number }): Promise<void>;
  reaper(): Promise<void>;
  migrate(options: { json?: true }): Promise<void>;
  token(options: { company: string; name: string; role: "operator" | "producer"; stdin?: true; json?: true }): Promise<void>;
}

export interface Invocation {
  readonly version: string;
  /** What stood after `--`: the command to run. Null when there was no `--`. */
  readonly command: readonly string[] | null;
  readonly longRunning: LongRunning;
  /** Takes the exit code of what was done. */
  readonly exit: (code: number) => void;
}

/** The whole command line. Each command loads what it needs when it is called, so that help is quick. */
export function buildProgram(invocation: Invocation): Command {
  const { version, longRunning } = invocation;
  const program = new Command("leasehold")
    .description("Leases execution environments to runs, and gives every one of them back")
    .version(version)
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", `\n${exitCodeHelp}`);

  runCommand(program, invocation);
  environmentCommands(program, invocation.exit);
  leaseCommands(program, invocation.command, invocation.exit);
  companyCommands(program, invocation.exit);
  hostCommands(program, invocation.exit);
  secretCommands(program, invocation.exit);
  reconcileCommands(program, invocation.exit);

  program
    .command("up")
    .description("run a whole fleet on this machine: database, queue, API, workers, reaper")
    .option("--workers <n>", "worker processes", wholeNumber(1))
    .action((options: { workers?: number }) => longRunning.up(options));
  program.command("api").description("serve the HTTP API").action(() => longRunning.api());
  program
    .command("worker")
    .description("work on runs of some backends")
    .requiredOption("--backends <names>", "backends to serve, separated by commas", names)
    .option("--concurrency <n>", "executions to follow at once", wholeNumber(1))
    .action((options: { backends: string[]; concurrency?: number }) => longRunning.worker(options));
  program.command("reaper").description("end what is overdue and take up what was left").action(() => longRunning.reaper());
  program
    .command("migrate")
    .description("bring the database to this version's schema")
    .option("--json", "answer in JSON")
    .action((options: { json?: true }) => longRunning.migrate(options));
  program
    .command("token")
    .description("make a token, and its company if there is none of that name, in the configured database")
    .requiredOption("--company <name>", "company that the token speaks for")
    .requiredOption("--name <name>", "what the token is for")
    .addOption(new Option("--role <role>", "what it may do").choices(["operator", "producer"]).default("producer"))
    .option("--stdin", "take the token from stdin instead of making one; again is no error")
    .option("--json", "answer in JSON, with the company's id")
    .action((options: Parameters<LongRunning["token"]>[0]) => longRunning.token(options));
  return program;
}

function runCommand(program: Command, { command, exit }: Invocation): void {
  const run = withCommandOptions(program.command("run"))
    .description("run a command in an environment: streams its output, exits with its code, Ctrl-C cancels it")
    .usage("[options] -- COMMAND [ARGS...]\n       leasehold run list|show|logs|cancel|attach")
    .enablePositionalOptions()
    .allowExcessArguments(true)
    .option("--env <name>", "environment, by name or id; without it the company's default, or this machine")
    .addOption(new Option("--driver <kind>", "an environment of this kind: the company's default, or the only one").choices(driverKinds).conflicts("env"))
    .option("--workspace <dir>", "directory of this machine to copy in (LEASEHOLD_WORKSPACE_PATHS must allow it)")
    .option("--queue-timeout <duration>", "how long the run may wait for its environment", duration)
    .option("--priority <n>", "among the company's own: higher goes first, -10 to 10, usually 0", priority)
    .option("--key <key>", "idempotency key: the same key gives the same run")
    .option("--detach", "print the run's id and leave")
    .option("--verbose", "say on stderr what the run waits for, even where that is no terminal")
    .addOption(new Option("--json", "answer in JSON, an event a line"))
    .addHelpText("after", `\n${exitCodeHelp}`)
    .action(async (options: Record<string, never>, self: Command) => {
      const wanted = commandAfterDashes(self, command, "leasehold run -- echo hello");
      exit(await (await import("./commands/run.ts")).runCommand(wanted, options));
    });
  runSubcommands(run, command, exit);
}
