import { sql } from "drizzle-orm";
import { type Bench, type Figure, ms, percentile } from "./scenario.ts";
import { type Crowd, openCrowd, pause } from "./waits.ts";

/** How many runs the one company puts in at once, and how often the other comes with one. */
const flood = 5000;
const everyMs = 500;
const forMs = 40_000;

/** How long a company's runs wait that come one by one: alone, and while another company has thousands waiting. */
export const flooded =
  (commands: "instant" | "local"): Bench =>
  async (fleet) => {
    const crowd = openCrowd(fleet);
    try {
      const alone = await steadily(crowd, commands, "alone");
      const other = await crowd.company("flood", commands);
      const began = performance.now();
      await other.submit(flood);
      const acceptedFor = performance.now() - began;
      const before = await crowd.count(sql`company_id = ${other.id} and phase = 'ended'`);
      const since = performance.now();
      const beside = await steadily(crowd, commands, "beside");
      const rate = ((await crowd.count(sql`company_id = ${other.id} and phase = 'ended'`)) - before) / ((performance.now() - since) / 1000);
      const left = await crowd.count(sql`company_id = ${other.id} and phase <> 'ended'`);
      await crowd.database.db.execute(sql`update runs set cancel_requested_at = clock_timestamp(), due_at = clock_timestamp(), version = version + 1 where company_id = ${other.id} and phase <> 'ended'`);
      const figures: Figure[] = [];
      for (const p of [0.5, 0.99]) {
        figures.push({
          what: `${commands}: accepted to started, p${p * 100}, beside a flood of ${flood}`,
          measured: ms(percentile(beside, p)),
          raw: `${ms(percentile(alone, p))} alone`,
          ratio: percentile(beside, p) / percentile(alone, p),
        });
      }
      figures.push({ what: "  of which the flood", measured: `${rate.toFixed(1)} runs/s, ${left} left`, raw: `${(flood / (acceptedFor / 1000)).toFixed(0)} accepted/s` });
      return figures;
    } finally {
      await crowd.close();
    }
  };

/** A run every so often; the waits of all of them. */
async function steadily(crowd: Crowd, commands: "instant" | "local", name: string): Promise<number[]> {
  const company = await crowd.company(name, commands);
  const until = performance.now() + forMs;
  const submitted: Promise<void>[] = [];
  for (let next = performance.now(); next < until; next += everyMs) {
    await pause(Math.max(0, next - performance.now()));
    submitted.push(company.submit());
  }
  await Promise.all(submitted);
  const count = submitted.length;
  const limit = performance.now() + 120_000;
  let waits = await crowd.waits(company.id);
  while (waits.length < count && performance.now() < limit) {
    await pause(200);
    waits = await crowd.waits(company.id);
  }
  if (waits.length < count) process.stderr.write(`${count - waits.length} of ${count} have not started; they count as waiting for ever\n`);
  return [...waits, ...Array.from({ length: count - waits.length }, () => Number.POSITIVE_INFINITY)];
}

