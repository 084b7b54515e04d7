import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Leasehold } from "../src/client/index.ts";
import { costOf, coresOf } from "./cost.ts";
import { type Bench, type Figure, ms, percentile } from "./scenario.ts";

const many = 200;
const watchMs = 15_000;

/** Says what time it is, so many times a second, until it is ended. */
const clock = (perSecond: number) => ["perl", "-MTime::HiRes=time", "-e", `$| = 1; for (;;) { printf "%.3f\\n", time * 1000; select undef, undef, undef, ${1 / perSecond} }`];

/** How long a printed line takes to whoever follows over HTTP, and what that costs: one, 200 of one command, 200 of a command each; beside a pipe. */
export const followers: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const environments = [];
  for await (const environment of leasehold.environments.list()) environments.push(environment);
  const local = environments.find(({ driver }) => driver === "local")?.id;
  const piped = await throughPipe();
  const figures: Figure[] = [];
  for (const { what, commands, each, perSecond } of [
    { what: "1 follower", commands: 1, each: 1, perSecond: 20 },
    { what: `${many} followers of one command`, commands: 1, each: many, perSecond: 20 },
    { what: `${many} followers of a command each`, commands: many, each: 1, perSecond: 1 },
  ]) {
    const gone = new AbortController();
    const lags: number[] = [];
    let watching = false;
    const ids = await Promise.all(
      Array.from({ length: commands }, async () => (await leasehold.runs.create({ command: clock(perSecond), ...(local === undefined ? {} : { environment: { agent: local } }) })).id),
    );
    // What has piled up while they began is not what following takes: watched is from when each has heard what was just printed.
    const live = new Set<number>();
    let allLive = (): void => {};
    const begun = new Promise<void>((resolve) => {
      allLive = resolve;
    });
    const following = ids.flatMap((id, run) =>
      Array.from({ length: each }, async (_, n) => {
        try {
          await eachLine(leasehold.runs.output(id, { follow: true, signal: gone.signal }), (line) => {
            if (Date.now() - Number(line) < 1000) live.add(run * each + n);
            if (live.size === commands * each) allLive();
            if (watching) lags.push(Date.now() - Number(line));
          });
        } catch (error) {
          if (!gone.signal.aborted) throw error;
        }
      }),
    );
    await begun;
    watching = true;
    const cost = await costOf(fleet.config, watchMs);
    gone.abort();
    await Promise.all(following);
    await Promise.all(ids.map(async (id) => {
      await leasehold.runs.cancel(id);
      await leasehold.runs.wait(id);
    }));
    const p = (part: number) => ms(percentile(lags, part));
    figures.push({ what: `${what}: lag of ${lags.length} lines, p50 / p99`, measured: `${p(0.5)} / ${p(0.99)}`, raw: `${ms(percentile(piped, 0.5))} / ${ms(percentile(piped, 0.99))} pipe` }, { what: "  cost", measured: coresOf(cost) }, { what: "  transactions", measured: `${cost.transactions.toFixed(0)}/s` });
  }
  return figures;
};

async function eachLine(pieces: AsyncIterable<Uint8Array>, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + Buffer.from(piece).toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
}

/** Lags of the same lines through a plain pipe. */
async function throughPipe(): Promise<number[]> {
  const [program = "", ...args] = clock(20);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lags: number[] = [];
  for await (const line of createInterface(child.stdout)) {
    lags.push(Date.now() - Number(line));
    if (lags.length === 100) break;
  }
  child.kill();
  return lags;
}
