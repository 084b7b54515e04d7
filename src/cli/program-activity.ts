import type { Command } from "commander";
import { examples } from "./examples.ts";
import type { ActivityOptions } from "./commands/activity.ts";
import { wholeNumber } from "./options.ts";

export function activityCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("activity")
    .description("what happened to this company's environments, leases, tokens and limits, newest first")
    .option("--action <action>", "only this, like environment.created")
    .option("--entity <id>", "only what is about this environment, lease or token")
    .option("--run <id>", "only what happened for this run")
    .option("--limit <n>", "at most so many", wholeNumber(1), 20)
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold activity --limit 50", "leasehold activity --action environment.lease_forgotten"))
    .action(async (options: ActivityOptions) => exit(await (await import("./commands/activity.ts")).showActivity(options)));
}
