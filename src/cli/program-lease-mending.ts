import type { Command } from "commander";
import { examples } from "./examples.ts";

/** Commands about leases whose resource could not be given back. */
export function leaseMending(lease: Command, exit: (code: number) => void): void {
  lease
    .command("retry")
    .argument("<id>")
    .description("have a stuck lease tried at once, instead of tomorrow (for operators)")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold lease retry ID"))
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/lease-mending.ts")).retryLease(id, options)));
  lease
    .command("forget")
    .argument("<id>")
    .description("give a stuck lease up for good: its slot is free, and what it held is yours to remove (for operators)")
    .requiredOption("--reason <text>", "why, for whoever meets the resource later; written into the lease's events")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold lease forget ID --reason 'worker-3 burnt down with its disk'"))
    .action(async (id: string, options: { reason: string; json?: true }) => exit(await (await import("./commands/lease-mending.ts")).forgetLease(id, options)));
}
