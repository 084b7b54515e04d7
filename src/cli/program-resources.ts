import { type Command, Option } from "commander";
import type { ListLeasesOptions } from "./commands/leases.ts";
import { driverKinds } from "../domain/driver-kind.ts";
import { examples } from "./examples.ts";
import { config, configFile, environmentLooks, provider } from "./program-environments.ts";
import { environmentChanges } from "./program-environment-changes.ts";
import { leaseMending } from "./program-lease-mending.ts";
import { variable, wholeNumber } from "./options.ts";
import { adHocCommands } from "./program-ad-hoc.ts";

type Exit = (code: number) => void;

export function environmentCommands(program: Command, exit: Exit): void {
  const env = program.command("env").description("environments: places where runs can work");
  env
    .command("create")
    .argument("<name>")
    .description("make an environment")
    .addOption(new Option("--driver <kind>", "what kind of place").choices(driverKinds).default("local"))
    .addOption(provider())
    .addOption(config())
    .addOption(configFile())
    .option("--max-leases <n>", "leases it may have at once; without it as many as come", wholeNumber(1))
    .option("--env-var <name=value>", "environment variable of every command there; may be repeated", variable)
    .option("--env-secret <name=secret>", "the same whose value is a secret, by its name or id, @n for a version; may be repeated", variable)
    .option("--description <text>", "what it is for")
    .option("--json", "answer in JSON")
    .addHelpText(
      "after",
      examples(
        "leasehold env create sandbox --driver sandbox --provider bubblewrap",
        `leasehold env create ci --driver sandbox --config '{"provider":"bubblewrap"}'`,
        "leasehold env create builder --driver ssh --config-file builder.json",
      ),
    )
    .action(async (name: string, options: { driver: string }) => exit(await (await import("./commands/environments.ts")).createEnvironment(name, options)));
  env
    .command("list")
    .description("environments, by name")
    .addOption(new Option("--driver <kind>", "only those of this kind").choices(driverKinds))
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold env list", "leasehold env list --driver sandbox --json"))
    .action(async (options: { driver?: string; json?: true }) => exit(await (await import("./commands/environments.ts")).listEnvironments(options)));
  env
    .command("show")
    .argument("<name>", "name or id")
    .description("an environment")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold env show ci"))
    .action(async (name: string, options: { json?: true }) => exit(await (await import("./commands/environments.ts")).showEnvironment(name, options)));
  environmentLooks(env, exit);
  environmentChanges(env, exit);
}

export function leaseCommands(program: Command, command: readonly string[] | null, exit: Exit): void {
  const lease = program.command("lease").description("leases: who has which place until when");
  adHocCommands(lease, command, exit);
  leaseMending(lease, exit);
  lease
    .command("list")
    .description("leases, newest first")
    .option("--state <state>", "only those in this state, like active or stuck")
    .option("--env <name>", "only those of this environment, by name or id")
    .option("--run <id>", "only those of this run")
    .option("--open", "only those that have not ended")
    .option("--limit <n>", "at most so many", wholeNumber(1), 20)
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold lease list", "leasehold lease list --state stuck --json"))
    .action(async (options: ListLeasesOptions) => exit(await (await import("./commands/leases.ts")).listLeases(options)));
  lease
    .command("show")
    .argument("<id>")
    .description("a lease, with everything that happened to it")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold lease show ID"))
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/leases.ts")).showLease(id, options)));
  lease
    .command("release")
    .argument("<id>")
    .description("give a lease back; a run that still needs it ends")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold lease release ID"))
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/leases.ts")).releaseLease(id, options)));
}
