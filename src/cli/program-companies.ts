import type { Command } from "commander";
import { examples } from "./examples.ts";
import { numberOrNone } from "./options.ts";

type Json = { readonly json?: true };

export function companyCommands(program: Command, exit: (code: number) => void): void {
  const company = program.command("company").description("companies, and how much of the fleet each may have");
  company
    .command("list")
    .description("companies, by name")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold company list"))
    .action(async (options: Json) => exit(await (await import("./commands/companies.ts")).listCompanies(options)));
  company
    .command("show")
    .argument("<name>")
    .description("a company")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold company show acme"))
    .action(async (name: string, options: Json) => exit(await (await import("./commands/companies.ts")).showCompany(name, options)));
  company
    .command("limit")
    .argument("<name>")
    .argument("<n>", "leases it may have at once, over all its environments; none for as many as come", numberOrNone)
    .description("bound the leases that a company may have at once; what it has, it keeps")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold company limit acme 20", "leasehold company limit acme none"))
    .action(async (name: string, max: number | null, options: Json) => exit(await (await import("./commands/companies.ts")).limitCompany(name, max, options)));
}
