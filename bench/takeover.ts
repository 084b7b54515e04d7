import { interrupt } from "../src/app/demo/interrupt.ts";
import { Leasehold } from "../src/client/index.ts";
import { timing } from "../src/domain/defaults.ts";
import { type Bench, ms, percentile } from "./scenario.ts";

const rounds = 5;

/** From the SIGKILL of the executing worker until another one follows the command; beside the time a claim lives. */
export const takeover: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const times: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const run = await leasehold.runs.create({ command: ["sh", "-c", "echo up; exec sleep 600"] });
    for await (const event of leasehold.runs.events(run.id)) if (event.type === "output") break;
    times.push((await interrupt(fleet, run.id)).afterMs);
    await leasehold.runs.cancel(run.id);
    await leasehold.runs.wait(run.id);
  }
  return [
    { what: "takeover after SIGKILL, p50", measured: ms(percentile(times, 0.5)), raw: `${timing.claim} ms claim`, ratio: percentile(times, 0.5) / timing.claim },
    { what: "takeover after SIGKILL, max", measured: ms(Math.max(...times)), raw: `${timing.claim} ms claim`, ratio: Math.max(...times) / timing.claim },
  ];
};
