import type { Command } from "commander";
import { examples } from "./examples.ts";
import type { UpdateOptions } from "./commands/environment-changes.ts";
import { names, numberOrNone, variable } from "./options.ts";
import { config, configFile } from "./program-environments.ts";

/** Commands that change an environment that is there. */
export function environmentChanges(env: Command, exit: (code: number) => void): void {
  const update = env.command("update");
  update
    .argument("<name>", "name or id")
    .description("change an environment; what is not given stays. Its driver and provider cannot be changed")
    .option("--name <name>", "another name")
    .option("--description <text>", "another description; empty for none")
    .option("--max-leases <n>", "leases it may have at once; none for as many as come", (text) => numberOrNone(text) ?? "none")
    .addOption(config())
    .addOption(configFile())
    .option("--env-var <name=value>", "environment variable of every command there; may be repeated", variable)
    .option("--env-secret <name=secret>", "the same whose value is a secret, by its name or id, @n for a version; may be repeated", variable)
    .option("--unset-env-var <names>", "variables to take away, separated by commas", names)
    .option("--metadata <json>", "your own data; merged with what is there, null takes away")
    .option("--json", "answer in JSON")
    .addHelpText("after", updating)
    .action(async (name: string, options: UpdateOptions) => {
      if (Object.keys(options).every((option) => option === "json")) update.error("error: nothing to change was given");
      exit(await (await import("./commands/environment-changes.ts")).updateEnvironment(name, options));
    });
  env
    .command("archive")
    .argument("<name>", "name or id")
    .description("let no run get an environment any more; what is open there ends by itself")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold env archive ci"))
    .action(async (name: string, options: { json?: true }) => exit(await (await import("./commands/environment-changes.ts")).archiveEnvironment(name, options)));
  env
    .command("unarchive")
    .argument("<name>", "name or id")
    .description("let runs get an archived environment again")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold env unarchive ci"))
    .action(async (name: string, options: { json?: true }) => exit(await (await import("./commands/environment-changes.ts")).unarchiveEnvironment(name, options)));
  env
    .command("delete")
    .argument("<name>", "name or id")
    .description("delete an environment that nothing uses; what has ended there stays to be looked at")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold env delete ci"))
    .action(async (name: string, options: { json?: true }) => exit(await (await import("./commands/environment-changes.ts")).deleteEnvironment(name, options)));
}

const updating = `
The config is merged with what is there: a value of null takes a setting away.
It concerns new leases only.
${examples("leasehold env update Local --max-leases 8", `leasehold env update ci --config '{"limits": {"memoryBytes": 268435456}}'`, "leasehold env update ci --env-var STAGE=test --unset-env-var DEBUG")}`;
