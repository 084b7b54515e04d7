import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { readConfig } from "../src/config.ts";
import { startFleet } from "../src/app/up/fleet.ts";
import { table } from "../src/cli/table.ts";
import { cancel } from "./cancel.ts";
import { firstByte } from "./first-byte.ts";
import { followers } from "./followers.ts";
import { backlog } from "./backlog.ts";
import { flooded } from "./flood.ts";
import { instant } from "./instant.ts";
import { latency } from "./latency.ts";
import { lease } from "./lease.ts";
import { output } from "./output.ts";
import { reads } from "./reads.ts";
import type { Bench } from "./scenario.ts";
import { secrets } from "./secrets.ts";
import { startUp } from "./start-up.ts";
import { throughput } from "./throughput.ts";
import { takeover } from "./takeover.ts";
import { held } from "./held.ts";
import { idle } from "./idle.ts";
import { sweeping } from "./sweep.ts";

/** Measures a fleet of its own on this machine; every figure beside a raw limit taken in the same run. */
const scenarios: Record<string, Bench> = { "first-byte": firstByte, lease, instant, latency, cancel, throughput, output, followers, reads, "start-up": startUp, takeover, sweep: sweeping, held, idle, flood: flooded("instant"), "flood-local": flooded("local"), backlog, secrets };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in scenarios));
if (unknown.length > 0) {
  process.stderr.write(`no scenario ${unknown.join(", ")}; there are ${Object.keys(scenarios).join(", ")}\n`);
  process.exit(64);
}

const dataDir = await mkdtemp(join(tmpdir(), "leasehold-bench-"));
const config = { ...readConfig(), dataDir, databaseUrl: undefined, redisUrl: undefined, port: 0, logLevel: "error", fakeProvider: join(dataDir, "fake") };
const fleet = await startFleet(config, { workers: 3 }, pino({ level: "silent" }));
try {
  const rows: string[][] = [];
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`${name} ...\n`);
    try {
      for (const row of await scenario(fleet)) rows.push([name, row.what, row.measured, row.raw ?? "", row.ratio === undefined ? "" : row.ratio.toFixed(2)]);
    } catch (error) {
      // What the others have measured is still worth seeing.
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      rows.push([name, "failed", "", "", ""]);
      process.exitCode = 1;
    }
  }
  process.stdout.write(`${availableParallelism()} cores, Node ${process.version}, 3 worker processes\n${table(["scenario", "what", ...["leasehold", "raw limit", "ratio"].map((heading) => ({ name: heading, right: true }))], rows)}\n`);
} finally {
  await fleet.stopServices();
  await rm(dataDir, { recursive: true, force: true });
}
