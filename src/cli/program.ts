import { Command, Help, Option } from "commander";
import { driverKinds } from "../domain/driver-kind.ts";
import { examples } from "./examples.ts";
import { commandCodeHelp, exitCodeHelp } from "./exit-codes.ts";
import { duration, names, priority, wholeNumber } from "./options.ts";
import { activityCommand } from "./program-activity.ts";
import { companyCommands } from "./program-companies.ts";
import { completionCommand } from "./program-completion.ts";
import { configCommands } from "./program-config.ts";
import { commandAfterDashes, withCommandOptions } from "./program-command.ts";
import { hostCommands } from "./program-hosts.ts";
import { environmentCommands, leaseCommands } from "./program-resources.ts";
import { reconcileCommands } from "./program-reconcile.ts";
import { runSubcommands } from "./program-run.ts";
import { secretCommands } from "./program-secrets.ts";

/** The commands that are not clients of the API: given from outside. */
export interface LongRunning {
  up(options: { workers?: number; json?: true }): Promise<void>;
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
  /** What is wrong with the command line is left to the caller to say. */
  readonly silent?: boolean;
  /** Takes the exit code of what was done. */
  readonly exit: (code: number) => void;
}

/** The whole command line. Each command loads what it needs when it is called, so that help is quick. */
export function buildProgram(invocation: Invocation): Command {
  const { version, longRunning, exit } = invocation;
  const program = new Command("leasehold")
    .description("Leases execution environments to runs, and gives every one of them back")
    .version(version, "-V, --version", "say the version")
    .helpOption("-h, --help", "say this; also of each command")
    .configureHelp({ subcommandTerm: (command) => new Help().subcommandTerm(command).replace(" [options]", "") })
    .option("--no-color", "no colours, also on a terminal; valid with every command")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput(invocation.silent === true ? { writeErr: () => {} } : {})
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("after", `\n${exitCodeHelp}`);

  program.commandsGroup("Work:");
  runCommand(program, invocation);
  environmentCommands(program, invocation.exit);
  leaseCommands(program, invocation.command, invocation.exit);
  program.commandsGroup("For operators of a fleet:");
  companyCommands(program, invocation.exit);
  hostCommands(program, invocation.exit);
  secretCommands(program, invocation.exit);
  reconcileCommands(program, invocation.exit);
  activityCommand(program, invocation.exit);

  program.commandsGroup("Processes of a fleet:");
  program
    .command("up")
    .summary("run a whole fleet on this machine")
    .description("run a whole fleet on this machine: database, queue, API, workers, reaper")
    .option("--workers <n>", "worker processes (default: 2)", wholeNumber(1))
    .option("--json", "say in JSON what happens, an event a line")
    .addHelpText("after", examples("leasehold up", "LEASEHOLD_DATA_DIR=/srv/leasehold leasehold up --workers 4"))
    .action((options: { workers?: number; json?: true }) => longRunning.up(options));
  program
    .command("down")
    .summary("stop the fleet that up runs on this machine")
    .description("stop the fleet that up runs on this machine, or what is left of one that was killed")
    .option("--purge", "end running commands too, and delete all data: runs, output, secrets, keys")
    .option("--yes", "delete without asking")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold down", "leasehold down --purge", "leasehold down --purge --yes --json"))
    .action(async (options: { purge?: true; yes?: true; json?: true }) => exit(await (await import("./commands/down.ts")).down(options)));
  program
    .command("api")
    .description("serve the HTTP API")
    .addHelpText("after", examples("leasehold api", "LEASEHOLD_HOST=0.0.0.0 LEASEHOLD_PORT=8500 leasehold api"))
    .action(() => longRunning.api());
  program
    .command("worker")
    .description("work on runs of some backends")
    .requiredOption("--backends <names>", "backends to serve, separated by commas", names)
    .option("--concurrency <n>", "executions to follow at once", wholeNumber(1))
    .addHelpText("after", examples("leasehold worker --backends local,sandbox-bubblewrap"))
    .action((options: { backends: string[]; concurrency?: number }) => longRunning.worker(options));
  program
    .command("reaper")
    .description("end what is overdue and take up what was left")
    .addHelpText("after", examples("leasehold reaper"))
    .action(() => longRunning.reaper());
  program
    .command("migrate")
    .description("bring the database to this version's schema")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold migrate"))
    .action((options: { json?: true }) => longRunning.migrate(options));
  program
    .command("token")
    .summary("make a token in the configured database")
    .description("make a token, and its company if there is none of that name, in the configured database")
    .requiredOption("--company <name>", "company that the token speaks for")
    .requiredOption("--name <name>", "what the token is for")
    .addOption(new Option("--role <role>", "what it may do").choices(["operator", "producer"]).default("producer"))
    .option("--stdin", "take the token from stdin instead of making one; again is no error")
    .option("--json", "answer in JSON, with the company's id")
    .addHelpText("after", examples("leasehold token --company acme --name heartbeat", "leasehold token --company acme --name root --role operator --json", "leasehold token --company acme --name root --stdin <token"))
    .action((options: Parameters<LongRunning["token"]>[0]) => longRunning.token(options));

  program.commandsGroup("This program:");
  program
    .command("doctor")
    .summary("look for what is wrong, and say what to do")
    .description("look for what is most often wrong with this machine and its fleet, and say what to do about it")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nEnds with 0 when all works, with 1 when something does not.")
    .addHelpText("after", examples("leasehold doctor", "leasehold doctor --json"))
    .action(async (options: { json?: true }) => exit(await (await import("./commands/doctor.ts")).doctor(options)));
  configCommands(program, invocation.exit);
  completionCommand(program);
  program.helpCommand("help [command]", "say what a command does");
  // Of a group it would say nothing that --help does not.
  for (const group of program.commands) group.helpCommand(false);
  return program;
}

function runCommand(program: Command, { command, exit }: Invocation): void {
  const run = withCommandOptions(program.command("run"))
    .summary("run a command in an environment; list and look at runs")
    .description("run a command in an environment: streams its output, exits with its code, Ctrl-C cancels it")
    .usage("[options] -- COMMAND [ARGS...]\n       leasehold run list|show|logs|cancel|retry|attach")
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
    .addHelpText("after", examples("leasehold run -- echo hello", "leasehold run --env ci --timeout 10m -- npm test", "leasehold run --workspace . --env-var CI=1 -- make check", "echo typed | leasehold run --stdin - -- cat"))
    .addHelpText("after", `\n${commandCodeHelp}`)
    .action(async (options: Record<string, never>, self: Command) => {
      const wanted = commandAfterDashes(self, command, "leasehold run -- echo hello");
      exit(await (await import("./commands/run.ts")).runCommand(wanted, options));
    });
  runSubcommands(run, command, exit);
}
