import type { Command } from "commander";

/** Commands about leases whose resource could not be given back. */
export function leaseMending(lease: Command, exit: (code: number) => void): void {
  lease
    .command("retry")
    .argument("<id>")
    .description("have a stuck lease tried at once, instead of tomorrow (for operators)")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExamples:\n  leasehold lease list --state stuck\n  leasehold lease retry 0190a0a0-0000-7000-8000-000000000000\n")
    .action(async (id: string, options: { json?: true }) => exit(await (await import("./commands/lease-mending.ts")).retryLease(id, options)));
  lease
    .command("forget")
    .argument("<id>")
    .description("give a stuck lease up for good: its slot is free, and what it held is yours to remove (for operators)")
    .requiredOption("--reason <text>", "why, for whoever meets the resource later; written into the lease's events")
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nExample:\n  leasehold lease forget 0190a0a0-0000-7000-8000-000000000000 --reason 'worker-3 burnt down, its disk is destroyed'\n")
    .action(async (id: string, options: { reason: string; json?: true }) => exit(await (await import("./commands/lease-mending.ts")).forgetLease(id, options)));
}
