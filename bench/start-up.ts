import { spawn } from "node:child_process";
import { join } from "node:path";
import { packageDirectory } from "../src/package-directory.ts";
import { type Bench, ms, percentile, timed } from "./scenario.ts";

const rounds = 20;
const program = join(packageDirectory(), "dist/bin/leasehold.js");

/** From starting the command line until it has ended; beside Node itself doing nothing. In turn, so that both meet the same machine. */
export const startUp: Bench = async () => {
  const times = { bare: [] as number[], version: [] as number[], help: [] as number[] };
  for (let i = 0; i < rounds; i += 1) {
    times.bare.push(await timed(() => node(["-e", "0"])));
    times.version.push(await timed(() => node([program, "--version"])));
    times.help.push(await timed(() => node([program, "--help"])));
  }
  const p50 = (all: readonly number[]) => percentile(all, 0.5);
  const bare = p50(times.bare);
  return [
    { what: "leasehold --version, p50", measured: ms(p50(times.version)), raw: `${ms(bare)} node`, ratio: p50(times.version) / bare },
    { what: "leasehold --help, p50", measured: ms(p50(times.help)), raw: `${ms(bare)} node`, ratio: p50(times.help) / bare },
  ];
};

function node(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    child.once("error", reject);
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`node ${args.join(" ")} ended with ${code}`))));
  });
}
