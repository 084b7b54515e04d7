import { type Command, Option } from "commander";
import { driverKinds } from "../domain/driver-kind.ts";
import { examples } from "./examples.ts";
import { commandCodeHelp } from "./exit-codes.ts";
import { duration, priority } from "./options.ts";
import { commandAfterDashes, withCommandOptions } from "./program-command.ts";

type Exit = (code: number) => void;

/** Commands about leases that are held by who calls, not by a run. */
export function adHocCommands(lease: Command, command: readonly string[] | null, exit: Exit): void {
  const exec = lease
    .command("exec")
    .description("run a command in a lease of its own, or in one that is there: streams its output, exits with its code, Ctrl-C cancels it")
    .usage("[options] -- COMMAND [ARGS...]")
    .allowExcessArguments(true)
    .option("--lease <id>", "run it in this ad-hoc lease, and leave that as it is");
  withPlaceOptions(withCommandOptions(exec))
    .addHelpText("after", examples("leasehold lease exec -- pwd", "leasehold lease exec --env ci -- uname -a", "leasehold lease exec --lease ID -- ls"))
    .addHelpText("after", `\n${commandCodeHelp}`)
    .action(async (options: Record<string, never> & { lease?: string; env?: string; driver?: string; queueTimeout?: number; maxLife?: number; priority?: number }, self: Command) => {
      const wanted = commandAfterDashes(self, command, "leasehold lease exec -- echo hello");
      if (options.lease !== undefined && (options.env ?? options.driver ?? options.queueTimeout ?? options.maxLife ?? options.priority) !== undefined) {
        self.error("error: --env, --driver, --queue-timeout, --max-life and --priority are for a lease of its own; leave them out with --lease");
      }
      exit(await (await import("./commands/lease-exec.ts")).leaseExec(wanted, options));
    });
  withPlaceOptions(lease.command("acquire").description("get a lease and print its id once it is active; renew it within two minutes, again and again"))
    .addHelpText("after", examples("leasehold lease acquire --env ci", "leasehold lease acquire --driver sandbox --max-life 2h --json"))
    .action(async (options: Record<string, never>) => exit(await (await import("./commands/lease-acquire.ts")).acquireAndLeave(options)));
  lease
    .command("renew")
    .argument("<id>")
    .description("keep a lease that you hold for two minutes from now")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold lease renew ID"))
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/lease-acquire.ts")).renewLease(id, options)));
}

const withPlaceOptions = (program: Command): Command =>
  program
    .option("--env <name>", "environment, by name or id; without it the company's default, or this machine")
    .addOption(new Option("--driver <kind>", "an environment of this kind: the company's default, or the only one").choices(driverKinds).conflicts("env"))
    .option("--queue-timeout <duration>", "how long the lease may wait for its environment", duration)
    .option("--max-life <duration>", "how long the lease may live, however often it is renewed", duration)
    .option("--priority <n>", "among the company's own: higher goes first, -10 to 10, usually 0", priority)
    .option("--verbose", "say on stderr what the lease waits for, even where that is no terminal")
    .option("--json", "answer in JSON");
