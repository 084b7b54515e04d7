import { sql } from "drizzle-orm";
import { type Bench, type Figure, ms, percentile } from "./scenario.ts";
import { openCrowd, pause } from "./waits.ts";

const sizes = [1000, 5000, 20_000];
/** The fleet gets going first; then it is looked at for so long. */
const settleMs = 5000;
const windowMs = 30_000;

/** How many runs end in a second, and how long those that start had waited, while so many wait: does the fleet slow down with what waits? */
export const backlog: Bench = async (fleet) => {
  const crowd = openCrowd(fleet);
  const figures: Figure[] = [];
  let first: number | undefined;
  try {
    for (const size of sizes) {
      const company = await crowd.company(`backlog of ${size}`);
      const began = performance.now();
      await company.submit(size);
      const accepting = size / ((performance.now() - began) / 1000);
      await pause(settleMs);
      const ended = () => crowd.count(sql`company_id = ${company.id} and phase = 'ended'`);
      const [before, since] = [await ended(), performance.now()];
      await pause(windowMs);
      const rate = ((await ended()) - before) / ((performance.now() - since) / 1000);
      const left = await crowd.count(sql`company_id = ${company.id} and phase <> 'ended'`);
      const waits = await crowd.waits(company.id);
      first ??= rate;
      figures.push({ what: `${size} waiting, ${left} left after`, measured: `${rate.toFixed(1)} runs/s`, raw: `${first.toFixed(1)} with ${sizes[0]}`, ratio: rate / first });
      // In line, the n-th waits for the n before it: n divided by the rate.
      figures.push({ what: "  the last to start waited", measured: ms(waits.at(-1) ?? Number.NaN), raw: `${ms(percentile(waits, 0.5))} p50` });
      figures.push({ what: "  of which accepting", measured: `${accepting.toFixed(0)} runs/s` });
      await crowd.database.db.execute(sql`update runs set cancel_requested_at = clock_timestamp(), due_at = clock_timestamp(), version = version + 1 where company_id = ${company.id} and phase <> 'ended'`);
      while ((await crowd.count(sql`company_id = ${company.id} and phase <> 'ended'`)) > 0) await pause(500);
    }
    return figures;
  } finally {
    await crowd.close();
  }
};
