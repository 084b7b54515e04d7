import { type Command, Option } from "commander";
import { examples } from "./examples.ts";

type Json = { readonly json?: true };

/** Commands about the bearer tokens of companies. */
export function tokenCommands(company: Command, exit: (code: number) => void): void {
  const token = company.command("token").description("bearer tokens of a company");
  token
    .command("create")
    .argument("<company>", "the company's name")
    .description("make a token and print it, this once; only its hash is kept")
    .requiredOption("--name <name>", "what the token is for")
    .addOption(new Option("--role <role>", "what it may do").choices(["operator", "producer"]).default("producer"))
    .option("--json", "answer in JSON, with the token's id")
    .addHelpText("after", examples("leasehold company token create acme --name heartbeat > heartbeat.token", "leasehold company token create acme --name on-call --role operator"))
    .action(async (name: string, options: { name: string; role: "operator" | "producer" } & Json) => exit(await (await import("./commands/tokens.ts")).createToken(name, options)));
  token
    .command("list")
    .argument("<company>", "the company's name")
    .description("a company's tokens, oldest first")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold company token list acme"))
    .action(async (name: string, options: Json) => exit(await (await import("./commands/tokens.ts")).listTokens(name, options)));
  token
    .command("revoke")
    .argument("<company>", "the company's name")
    .argument("<id>", "the token's id, as `list` shows it; not the token")
    .description("take a token back: its next request is refused. Not the fleet's last operator token")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold company token revoke acme ID"))
    .action(async (name: string, id: string, options: Json) => exit(await (await import("./commands/tokens.ts")).revokeToken(name, id, options)));
}
