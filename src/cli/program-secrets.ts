import { type Command, InvalidArgumentError } from "commander";

type Exit = (code: number) => void;
interface Json {
  readonly json?: true;
}

const json = (command: Command): Command => command.option("--json", "answer in JSON");
const one = (command: Command): Command => json(command.argument("<name>", "name or id"));

export function secretCommands(program: Command, exit: Exit): void {
  const secret = program.command("secret").description("secrets: kept sealed, referred to by name, never shown");
  json(
    secret
      .command("set")
      .argument("<name>")
      .description("keep a value, read from stdin or typed without echo; a new version if there is a secret of that name")
      .option("--from <store:path#key>", "refer to what a store outside has instead; #key for one of its fields", outside)
      .option("--description <text>"),
  )
    .addHelpText("after", setting)
    .action(async (name: string, options: Json) => exit(await (await import("./commands/secrets.ts")).setSecret(name, options)));
  one(secret.command("rotate").description("give a secret a new value, read from stdin or typed without echo")).action(async (name: string, options: Json) =>
    exit(await (await import("./commands/secrets.ts")).rotateSecret(name, options)),
  );
  json(secret.command("list").description("secrets, by name")).action(async (options: Json) => exit(await (await import("./commands/secrets.ts")).listSecrets(options)));
  one(secret.command("show").description("a secret, who refers to it and who was given it; never its value")).action(async (name: string, options: Json) => exit(await (await import("./commands/secrets.ts")).showSecret(name, options)));
  for (const change of ["disable", "enable"] as const) {
    one(secret.command(change).description(change === "disable" ? "give a secret to nobody any more; leases that have it go on" : "allow a secret's use again")).action(async (name: string, options: Json) =>
      exit(await (await import("./commands/secrets.ts")).changeSecret(name, change, options)),
    );
  }
  one(secret.command("remove").description("delete a secret, its values at once").option("--force", "even where environments refer to it")).action(async (name: string, options: Json & { force?: true }) =>
    exit(await (await import("./commands/secrets.ts")).removeSecret(name, options)),
  );
  json(secret.command("stores").description("stores outside that this company may refer to")).action(async (options: Json) => exit(await (await import("./commands/secrets.ts")).listStores(options)));
  keyCommands(secret, exit);
}

function keyCommands(secret: Command, exit: Exit): void {
  const key = secret.command("key").description("master keys, under which secrets are sealed; for operators");
  json(key.command("new").argument("<file>").description("make a file with a master key")).action(async (file: string, options: Json) => exit(await (await import("./commands/master-keys.ts")).newKeyFile(file, options)));
  json(
    key
      .command("rotate")
      .description("add a key to the file, to seal with from now on")
      .option("--later", "add it for reading only: first to every machine's file, then put it first in each")
      .option("--file <file>", "the file; without it LEASEHOLD_MASTER_KEY_FILE, or this machine's own"),
  ).action(async (options: Json) => exit(await (await import("./commands/master-keys.ts")).rotateKey(options)));
  json(key.command("drop").argument("<id>").description("take a key out of the file, once nothing is sealed under it").option("--file <file>", "the file")).action(async (id: string, options: Json) =>
    exit(await (await import("./commands/master-keys.ts")).dropKey(id, options)),
  );
  json(key.command("list").description("keys in use, and how many values are sealed under each")).action(async (options: Json) => exit(await (await import("./commands/master-keys.ts")).listKeys(options)));
}

/** `STORE:PATH` or `STORE:PATH#KEY`. */
function outside(text: string): { store: string; path: string; key?: string } {
  const [, store, path, key] = /^([^:]+):([^#]+)(?:#(.+))?$/.exec(text) ?? [];
  if (store === undefined || path === undefined) throw new InvalidArgumentError("Give STORE:PATH, or STORE:PATH#KEY.");
  return { store, path, ...(key === undefined ? {} : { key }) };
}

const setting = `
Examples:
  leasehold secret set npm-token                       (asks for the value)
  leasehold secret set deploy-key < id_ed25519
  leasehold secret set db-password --from vault:team/database#password
`;
