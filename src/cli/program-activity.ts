import type { Command } from "commander";
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
    .addHelpText("after", "\nExamples:\n  leasehold activity --limit 50\n  leasehold activity --action environment.lease_forgotten\n")
    .action(async (options: ActivityOptions) => exit(await (await import("./commands/activity.ts")).showActivity(options)));
}
