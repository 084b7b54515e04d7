import { type Command, Option } from "commander";
import { driverKinds } from "../domain/driver-kind.ts";
import type { ConfigOptions } from "./environment-config.ts";
import { examples } from "./examples.ts";

/** Options that say an environment's config. */
export const provider = (): Option => new Option("--provider <name>", "who holds a sandbox: bubblewrap or fake");
export const config = (): Option => new Option("--config <json>", "what the driver has to know").conflicts("configFile");
export const configFile = (): Option => new Option("--config-file <file>", "the same from a file; - for stdin");

type Probing = Partial<ConfigOptions> & { readonly json?: true };

/** Commands that look at environments, and choose the one for runs that name none. */
export function environmentLooks(env: Command, exit: (code: number) => void): void {
  env
    .command("probe")
    .argument("[name]", "name or id; without it, give --driver")
    .description("look whether an environment can be used, one that is there or one that is not saved; changes nothing")
    .addOption(new Option("--driver <kind>", "what kind of place, for one that is not saved").choices(driverKinds))
    .addOption(provider())
    .addOption(config())
    .addOption(configFile())
    .option("--json", "answer in JSON")
    .addHelpText("after", "\nEnds with 0 when it can be used, 1 when not.")
    .addHelpText("after", examples("leasehold env probe Local", "leasehold env probe --driver sandbox --provider bubblewrap"))
    .action(async (name: string | undefined, options: Probing, self: Command) => {
      const { driver } = options;
      const { probeEnvironment, probeUnsaved } = await import("./commands/probe.ts");
      if (name !== undefined) {
        if ([driver, options.provider, options.config, options.configFile].some((option) => option !== undefined)) self.error("error: give the name of an environment, or --driver and its config, not both");
        exit(await probeEnvironment(name, options));
        return;
      }
      if (driver === undefined) self.error("error: give the name of an environment, or --driver for one that is not saved");
      exit(await probeUnsaved({ ...options, driver }, options));
    });
  env
    .command("default")
    .argument("[name]", "name or id; without it, says which it is")
    .description("choose the environment of runs that name none")
    .option("--none", "have such runs get this company's local one again")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold env default", "leasehold env default ci", "leasehold env default --none"))
    .action(async (name: string | undefined, options: { none?: true; json?: true }, self: Command) => {
      if (name !== undefined && options.none === true) self.error("error: give a name or --none, not both");
      exit(await (await import("./commands/default-environment.ts")).defaultEnvironment(name, options));
    });
}
