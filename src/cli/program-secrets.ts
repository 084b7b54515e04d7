import { type Command, InvalidArgumentError } from "commander";
import { examples } from "./examples.ts";
import { masterKeyCommands } from "./program-master-keys.ts";

interface Json {
  readonly json?: true;
}

/** Commands about a company's secrets. */
export function secretCommands(program: Command, exit: (code: number) => void): void {
  const secret = program.command("secret").description("secrets: kept sealed, referred to by name, never shown");
  const one = (name: string, description: string, ...lines: string[]): Command =>
    secret.command(name).argument("<name>", "name or id").description(description).option("--json", "answer in JSON").addHelpText("after", examples(...lines));
  secret
    .command("set")
    .argument("<name>", "what it is to be called")
    .description("keep a value, read from stdin or typed without echo; a new version if there is a secret of that name")
    .option("--from <store:path#key>", "refer to what a store outside has instead; #key for one of its fields", outside)
    .option("--description <text>", "what it is for")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret set npm-token", "leasehold secret set deploy-key < id_ed25519", "leasehold secret set db-password --from vault:team/database#password"))
    .action(async (name: string, options: Json) => exit(await (await import("./commands/secrets.ts")).setSecret(name, options)));
  one("rotate", "give a secret a new value, read from stdin or typed without echo", "leasehold secret rotate npm-token").action(async (name: string, options: Json) =>
    exit(await (await import("./commands/secrets.ts")).rotateSecret(name, options)),
  );
  secret
    .command("list")
    .description("secrets, by name")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret list"))
    .action(async (options: Json) => exit(await (await import("./commands/secrets.ts")).listSecrets(options)));
  one("show", "a secret, who refers to it and who was given it; never its value", "leasehold secret show npm-token").action(async (name: string, options: Json) =>
    exit(await (await import("./commands/secrets.ts")).showSecret(name, options)),
  );
  one("disable", "give a secret to nobody any more; leases that have it go on", "leasehold secret disable npm-token").action(async (name: string, options: Json) =>
    exit(await (await import("./commands/secrets.ts")).changeSecret(name, "disable", options)),
  );
  one("enable", "allow a secret's use again", "leasehold secret enable npm-token").action(async (name: string, options: Json) => exit(await (await import("./commands/secrets.ts")).changeSecret(name, "enable", options)));
  one("remove", "delete a secret, its values at once", "leasehold secret remove npm-token", "leasehold secret remove npm-token --force")
    .option("--force", "even where environments refer to it")
    .action(async (name: string, options: Json & { force?: true }) => exit(await (await import("./commands/secrets.ts")).removeSecret(name, options)));
  secret
    .command("stores")
    .description("stores outside that this company may refer to")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret stores"))
    .action(async (options: Json) => exit(await (await import("./commands/secrets.ts")).listStores(options)));
  masterKeyCommands(secret, exit);
}

/** `STORE:PATH` or `STORE:PATH#KEY`. */
function outside(text: string): { store: string; path: string; key?: string } {
  const [, store, path, key] = /^([^:]+):([^#]+)(?:#(.+))?$/.exec(text) ?? [];
  if (store === undefined || path === undefined) throw new InvalidArgumentError("Give STORE:PATH, or STORE:PATH#KEY.");
  return { store, path, ...(key === undefined ? {} : { key }) };
}
