import { type Command, Option } from "commander";
import { examples } from "./examples.ts";
import { commandCodeHelp } from "./exit-codes.ts";
import { runResults } from "../domain/outcome.ts";
import type { ListRunsOptions } from "./commands/runs.ts";
import { moment, wholeNumber } from "./options.ts";

/** Commands about runs that are there. */
export function runSubcommands(run: Command, command: readonly string[] | null, exit: (code: number) => void): void {
  run.hook("preSubcommand", (_parent, sub) => {
    if (command !== null) sub.error(`error: run ${sub.name()} takes no command after --; to run a program of that name: leasehold run -- ${sub.name()}`);
  });
  run
    .command("list")
    .description("runs, newest first")
    .option("--open", "only those that have not ended")
    .addOption(new Option("--result <result>", "only those with this result").choices(runResults))
    .option("--env <name>", "only those of this environment, by name or id")
    .option("--producer-run <id>", "only those with this run id of their producer's own")
    .option("--issue <id>", "only those for this issue of their producer's")
    .option("--agent <id>", "only those of this agent of their producer's")
    .option("--execution-workspace <id>", "only those in this workspace of their producer's")
    .option("--since <moment>", "only those accepted since: a moment like 2026-01-31T12:00:00Z, or how long ago, like 2h", moment)
    .option("--until <moment>", "only those accepted before", moment)
    .option("--limit <n>", "at most so many", wholeNumber(1), 20)
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold run list", "leasehold run list --open --limit 100 --json"))
    .action(async (options: ListRunsOptions) => exit(await (await import("./commands/runs.ts")).listRuns(options)));
  run
    .command("show")
    .argument("<id>")
    .description("a run: what became of it and when")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold run show ID"))
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/runs.ts")).showRun(id, options)));
  run
    .command("logs")
    .argument("<id>")
    .description("what a run's command printed: its stdout on stdout, its stderr on stderr")
    .option("-f, --follow", "wait for what is to come, until the command has ended")
    .addOption(new Option("--stream <name>", "only this one, on stdout").choices(["stdout", "stderr"]))
    .option("--offset <n>", "begin at this byte of --stream", wholeNumber(0))
    .option("--json", "answer in JSON, a piece of output a line")
    .addHelpText("after", examples("leasehold run logs -f ID", "leasehold run logs ID --stream stdout --offset 4096"))
    .action(async (id: string, options: { follow?: true; stream?: "stdout" | "stderr"; offset?: number; json?: true }, self: Command) => {
      if (options.offset !== undefined && options.stream === undefined) self.error("error: --offset needs --stream: each stream counts its own bytes");
      exit(await (await import("./commands/logs.ts")).showLogs(id, options));
    });
  run
    .command("cancel")
    .argument("<id>")
    .description("end a run, in whatever phase it is")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold run cancel ID"))
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/runs.ts")).cancelRun(id, options)));
  run
    .command("retry")
    .argument("<id>")
    .description("ask for what an ended run asked for once more, as a run of its own")
    .option("--key <key>", "idempotency key: the same key gives the same run")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold run retry ID"))
    .action(async (id: string, options: { key?: string; json?: true }) => exit(await (await import("./commands/runs.ts")).retryRun(id, options)));
  run
    .command("attach")
    .argument("<id>")
    .description("be with a run as if `run` had just started it: its output from the first byte, its exit code, Ctrl-C cancels it")
    .option("--from-end", "only output that is still to come")
    .option("--verbose", "say on stderr what the run waits for, even where that is no terminal")
    .option("--json", "answer in JSON, an event a line")
    .addHelpText("after", examples("leasehold run attach ID", "leasehold run attach ID --from-end"))
    .addHelpText("after", `\n${commandCodeHelp}`)
    .action(async (id: string, options: { fromEnd?: true; verbose?: true; json?: true }) => exit(await (await import("./commands/attach.ts")).attach(id, options)));
}
