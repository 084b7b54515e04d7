import type { Command } from "commander";
import { examples } from "./examples.ts";

type Options = { readonly json?: true; readonly yes?: true };

export function reconcileCommands(program: Command, exit: (code: number) => void): void {
  const reconcile = program
    .command("reconcile")
    .description("what providers hold, compared with our leases");
  reconcile
    .command("show")
    .description("what was found, and whether anything is done about it")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold reconcile show"))
    .action(async (options: Options) => exit(await (await import("./commands/reconcile.ts")).showReconcile(options)));
  reconcile
    .command("run")
    .description("have every place compared now instead of within a minute")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold reconcile run"))
    .action(async (options: Options) => exit(await (await import("./commands/reconcile.ts")).runReconcile(options)));
  reconcile
    .command("confirm")
    .description("say that this database is the right one after it was restored or copied; shows what that does, and does it with --yes")
    .option("--yes", "do it")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold reconcile confirm        # what would be given back", "leasehold reconcile confirm --yes"))
    .action(async (options: Options) => exit(await (await import("./commands/reconcile.ts")).confirmReconcile(options)));
}
