import type { Command } from "commander";
import { examples } from "./examples.ts";

/** Commands about the configuration of this program. */
export function configCommands(program: Command, exit: (code: number) => void): void {
  const config = program.command("config").description("settings, and where they come from");
  config
    .command("show")
    .description("each setting, its value and where that comes from; nothing secret")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold config show", "leasehold config show --json"))
    .action(async (options: { json?: true }) => exit(await (await import("./commands/config.ts")).showConfig(options)));
  config
    .command("use")
    .argument("[context]", "one of the `contexts` in a configuration file")
    .description("choose the API that commands talk to")
    .option("--none", "none of them any more")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold config use production", "leasehold config use --none"))
    .action(async (context: string | undefined, options: { none?: true; json?: true }, self: Command) => {
      if ((context === undefined) === (options.none === undefined)) self.error("error: give a context or --none");
      exit(await (await import("./commands/config.ts")).useContext(context, options));
    });
}
