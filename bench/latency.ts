import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Leasehold } from "../src/client/index.ts";
import { type Bench, ms, percentile, timed } from "./scenario.ts";

const run = promisify(execFile);
const rounds = 40;

/** One run of `true` after another on an idle fleet, from asking to everything given back; beside a bare spawn. */
export const latency: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const raw: number[] = [];
  const whole: number[] = [];
  const steps: Record<string, number[]> = { "accepted to acquired": [], "acquired to started": [], "started to finished": [], "finished to given back": [] };
  for (let i = 0; i < rounds; i += 1) {
    raw.push(await timed(() => run("true")));
    whole.push(
      await timed(async () => {
        const { id } = await leasehold.runs.create({ command: ["true"] });
        const ended = await leasehold.runs.wait(id);
        const at = (event: string): number => Date.parse(ended.timeline.find((entry) => entry.event === event)?.at ?? "");
        const [acquired, started, finished, cleaned] = [at("lease.acquired"), Date.parse(ended.execution?.startedAt ?? ""), Date.parse(ended.execution?.finishedAt ?? ""), at("lease.cleaned")];
        steps["accepted to acquired"]?.push(acquired - Date.parse(ended.createdAt));
        steps["acquired to started"]?.push(started - acquired);
        steps["started to finished"]?.push(finished - started);
        steps["finished to given back"]?.push(cleaned - finished);
      }),
    );
  }
  return [
    { what: "`true`, p50", measured: ms(percentile(whole, 0.5)), raw: `${ms(percentile(raw, 0.5))} spawn`, ratio: percentile(whole, 0.5) / percentile(raw, 0.5) },
    { what: "`true`, p95", measured: ms(percentile(whole, 0.95)), raw: `${ms(percentile(raw, 0.95))} spawn`, ratio: percentile(whole, 0.95) / percentile(raw, 0.95) },
    ...Object.entries(steps).map(([what, values]) => ({ what: `  ${what}, p50`, measured: ms(percentile(values, 0.5)) })),
  ];
};
