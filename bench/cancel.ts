import { Leasehold } from "../src/client/index.ts";
import { type Bench, ms, percentile } from "./scenario.ts";

const rounds = 20;
/** Says when it is up, and when TERM has reached it. */
const command = ["sh", "-c", "trap 'echo ended; exit' TERM; echo up; while :; do sleep 0.01; done"];

/** From asking for a cancel until the command itself says that TERM has reached it, and we read it; beside the poll of a claim. */
export const cancel: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const times: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const run = await leasehold.runs.create({ command });
    let asked = 0;
    for await (const event of leasehold.runs.events(run.id)) {
      if (event.type !== "output") continue;
      if (asked === 0) {
        asked = performance.now();
        await leasehold.runs.cancel(run.id);
      } else {
        times.push(performance.now() - asked);
        break;
      }
    }
    await leasehold.runs.wait(run.id);
  }
  return [
    { what: "cancel to TERM to output, p50", measured: ms(percentile(times, 0.5)) },
    { what: "cancel to TERM to output, max", measured: ms(Math.max(...times)) },
  ];
};
