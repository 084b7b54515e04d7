import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Leasehold } from "../src/client/index.ts";
import { type Bench, type Figure, ms, percentile, timed } from "./scenario.ts";

const rounds = 25;

/** An ad-hoc lease from being asked for until it is active, and from being given back until its place is gone; beside making and removing a directory. */
export const lease: Bench = async (fleet) => {
  const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });
  const figures: Figure[] = [];
  for await (const { id, name } of leasehold.environments.list()) {
    const [ready, gone, bare]: [number[], number[], number[]] = [[], [], []];
    for (let i = 0; i < rounds; i += 1) {
      bare.push(await timed(async () => rm(await mkdtemp(join(fleet.config.dataDir, "bare-")), { recursive: true })));
      const made = await leasehold.leases.create({ environment: id });
      let now = await leasehold.leases.get(made.id);
      while (now.acquiredAt === null) now = await leasehold.leases.get(made.id);
      ready.push(Date.parse(now.acquiredAt) - Date.parse(made.requestedAt));
      await leasehold.leases.release(made.id);
      while (now.releasedAt === null) now = await leasehold.leases.get(made.id);
      gone.push(Date.parse(now.releasedAt) - Date.parse(now.endedAt ?? ""));
    }
    const raw = `${ms(percentile(bare, 0.5))} directory`;
    for (const [what, times] of [["ask to ready", ready], ["give back to gone", gone]] as const) {
      for (const p of [0.5, 0.95]) figures.push({ what: `${name}: ${what}, p${p * 100}`, measured: ms(percentile(times, p)), raw, ratio: percentile(times, p) / percentile(bare, 0.5) });
    }
  }
  return figures;
};
