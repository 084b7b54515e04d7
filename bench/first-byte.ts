import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Leasehold } from "../src/client/index.ts";
import { sandboxArguments } from "../src/drivers/bubblewrap/arguments.ts";
import { bubblewrapConfig } from "../src/drivers/bubblewrap/config.ts";
import { findBubblewrap } from "../src/drivers/bubblewrap/program.ts";
import { bubblewrapFolders } from "../src/embedded/bubblewrap-folder.ts";
import { type Bench, type Figure, ms, percentile, timed } from "./scenario.ts";

const rounds = 40;
const command = ["sh", "-c", "echo up"];

/** From asking for a run until the first byte of its output is here, on an idle fleet; beside spawning the same command line. */
export const firstByte: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const figures: Figure[] = [];
  for await (const { id, name, driver } of leasehold.environments.list()) {
    const line = driver === "sandbox" ? await bareSandbox(fleet.config.dataDir) : { argv: command, remove: async () => {} };
    const bare: number[] = [];
    const whole: number[] = [];
    for (let i = 0; i < rounds; i += 1) {
      bare.push(await timed(() => spawned(line.argv)));
      whole.push(
        await timed(async () => {
          const run = await leasehold.runs.create({ command, environment: { agent: id } });
          for await (const event of leasehold.runs.events(run.id)) if (event.type === "output") break;
        }),
      );
    }
    await line.remove();
    for (const [what, p] of [["p50", 0.5], ["p95", 0.95]] as const) {
      const [ours, theirs] = [percentile(whole, p), percentile(bare, p)];
      figures.push({ what: `${name}: ask to first byte, ${what}`, measured: ms(ours), raw: `${ms(theirs)} spawn`, ratio: ours / theirs });
    }
  }
  return figures;
};

/** The same sandbox without anything of ours around it. */
async function bareSandbox(dataDir: string): Promise<{ argv: readonly string[]; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(dataDir, "sandboxes", ".bare-"));
  for (const place of ["workspace", "home", "tmp"]) await mkdir(join(directory, place));
  const { path } = await findBubblewrap(bubblewrapFolders());
  const words = sandboxArguments(directory, bubblewrapConfig.parse({ provider: "bubblewrap" }));
  const status = words.indexOf("--json-status-fd");
  return { argv: [path, ...words.toSpliced(status, 2), ...command], remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Until the first byte is here. */
function spawned([program = "", ...args]: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.once("data", () => resolve());
    child.once("error", reject);
    child.once("exit", (code) => code !== 0 && reject(new Error(`${program} ended with ${code}`)));
  });
}
