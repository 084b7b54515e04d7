import type { Command } from "commander";
import { examples } from "./examples.ts";

interface Json {
  readonly json?: true;
}

/** Commands about the keys that secrets are sealed under. */
export function masterKeyCommands(secret: Command, exit: (code: number) => void): void {
  const key = secret.command("key").description("master keys, under which secrets are sealed; for operators");
  key
    .command("new")
    .argument("<file>", "where to put it; nothing may be there")
    .description("make a file with a master key")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret key new /etc/leasehold/master-keys"))
    .action(async (file: string, options: Json) => exit(await (await import("./commands/master-keys.ts")).newKeyFile(file, options)));
  key
    .command("rotate")
    .description("add a key to the file, to seal with from now on")
    .option("--later", "to read with only: first to every machine's file, then put it first in each")
    .option("--file <file>", "the file; without it LEASEHOLD_MASTER_KEY_FILE, or this machine's own")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret key rotate", "leasehold secret key rotate --later --file /etc/leasehold/master-keys"))
    .action(async (options: Json) => exit(await (await import("./commands/master-keys.ts")).rotateKey(options)));
  key
    .command("list")
    .description("keys in use, and how many values are sealed under each")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret key list"))
    .action(async (options: Json) => exit(await (await import("./commands/master-keys.ts")).listKeys(options)));
  key
    .command("drop")
    .argument("<id>", "the key's id, as `list` shows it")
    .description("take a key out of the file, once nothing is sealed under it")
    .option("--file <file>", "the file; without it LEASEHOLD_MASTER_KEY_FILE, or this machine's own")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold secret key drop 2026-01-31-5f0c2a11"))
    .action(async (id: string, options: Json & { file?: string }) => exit(await (await import("./commands/master-keys.ts")).dropKey(id, options)));
}
