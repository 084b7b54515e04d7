import type { Command } from "commander";
import { examples } from "./examples.ts";

type Exit = (code: number) => void;

/** Commands about the machines that run workers. */
export function hostCommands(program: Command, exit: Exit): void {
  const host = program.command("host").description("hosts: machines that run workers");
  host
    .command("list")
    .description("hosts, with what they serve and how many leases they have")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold host list"))
    .action(async (options: { json?: true }) => exit(await (await import("./commands/hosts.ts")).listHosts(options)));
  host
    .command("show")
    .argument("<name>", "name or id")
    .description("a host")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold host show worker-3"))
    .action(async (name: string, options: { json?: true }) => exit(await (await import("./commands/hosts.ts")).showHost(name, options)));
  const drain = host.command("drain");
  drain
    .argument("<name>", "name or id")
    .description("give a host no new leases; it goes on with all it has")
    .option("--wait", "wait until it has no lease any more; Ctrl-C stops waiting, not draining")
    .option("--undo", "give it leases again")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples("leasehold host drain worker-3 --wait && ssh worker-3 systemctl stop leasehold", "leasehold host drain --undo worker-3"))
    .addHelpText("after", draining)
    .action(async (name: string, options: { wait?: true; undo?: true; json?: true }) => {
      if (options.wait === true && options.undo === true) drain.error("error: --undo gives it leases again, so there is nothing to --wait for; give one of them");
      exit(await (await import("./commands/host-drain.ts")).drainHost(name, options));
    });
}

const draining = `
With --wait it ends with 0 when the host has no lease any more, with 1 when
all that are left are stuck (leasehold lease list --state stuck), and with
130 on Ctrl-C.`;
