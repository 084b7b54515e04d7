import type { Command } from "commander";
import { examples } from "./examples.ts";
import { numberOrNone, wholeNumber } from "./options.ts";
import { tokenCommands } from "./program-tokens.ts";

type Json = { readonly json?: true };

export function companyCommands(program: Command, exit: (code: number) => void): void {
  const company = program.command("company").description("companies, and how much of the fleet each may have");
  company
    .command("create")
    .argument("<name>")
    .description("make a company; it gets its first token with `company token create`")
    .option("--max-leases <n>", "leases it may have at once, over all its environments; without it as many as come", wholeNumber(1))
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold company create acme", "leasehold company create acme --max-leases 20"))
    .action(async (name: string, options: { maxLeases?: number } & Json) => exit(await (await import("./commands/companies.ts")).createCompany(name, options)));
  tokenCommands(company, exit);
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
