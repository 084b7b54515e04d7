import { spawn } from "node:child_process";
import { Leasehold } from "../src/client/index.ts";
import { forgetPeaks, workerMemory } from "./memory.ts";
import { type Bench, timed } from "./scenario.ts";

const megabytes = 500;
const bytesOfAll = megabytes * 1024 * 1024;
const command = ["head", "-c", String(bytesOfAll), "/dev/zero"] as const;

/** Output of one command, kept durably and followed live over HTTP; beside the same command through a plain pipe. */
export const output: Bench = async (fleet) => {
  const raw = await timed(async () => {
    const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
    for await (const piece of child.stdout) void piece;
  });
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  let bytes = 0;
  forgetPeaks(fleet.config.dataDir);
  const whole = await timed(async () => {
    const { id } = await leasehold.runs.create({ command: [...command], outputLimit: bytesOfAll });
    for await (const piece of leasehold.runs.output(id, { follow: true })) bytes += piece.length;
  });
  if (bytes !== bytesOfAll) throw new Error(`${bytes} bytes came through`);
  const peak = Math.max(...workerMemory(fleet.config.dataDir).map((worker) => worker.peak));
  const rate = (time: number): string => `${(megabytes / (time / 1000)).toFixed(0)} MB/s`;
  return [
    { what: `${megabytes} MB kept and followed`, measured: rate(whole), raw: `${rate(raw)} pipe`, ratio: raw / whole },
    { what: "  memory of its worker, at most", measured: `${peak.toFixed(0)} MB` },
  ];
};
