import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDrivers } from "../../src/app/drivers.ts";
import { timing } from "../../src/domain/defaults.ts";
import { pino } from "pino";
import { judge, type Verdict } from "./checks/all.ts";
import { releaseMargin } from "./checks/bounds.ts";
import type { Evidence } from "./evidence/evidence.ts";
import { picture, plantForeign } from "./evidence/foreign.ts";
import { intrude } from "./evidence/intrude.ts";
import { lookForLeft } from "./evidence/left.ts";
import { readLedger } from "./evidence/ledger.ts";
import { readRows, readWhole } from "./evidence/rows.ts";
import { searchSecrets } from "./evidence/secrets.ts";
import { watch } from "./evidence/watch.ts";
import { type ChaosFleet, makePlaces, type Places, startFleet } from "./fleet/fleet.ts";
import { makeTrouble, type Trouble } from "./fleet/troubles.ts";
import { type ChaosOptions, lateBound } from "./options.ts";
import { Random } from "./random.ts";
import { openThings, settle } from "./settle.ts";
import { produce, type Production } from "./work/producer.ts";
import { makeTenants } from "./work/tenants.ts";
import { makeTrees } from "./work/trees.ts";
import { plainValue } from "../../src/domain/secret.ts";

export interface Told {
  /** Stop making work and trouble: settle and report. */
  readonly enough: AbortSignal;
  /** Leave, and clean up. */
  readonly leave: AbortSignal;
  /** What happens, for whoever watches. */
  readonly say: (line: string) => void;
}

export interface Report {
  readonly seed: string;
  readonly verdicts: readonly Verdict[];
  readonly evidence: Evidence;
  readonly starts: Readonly<Record<string, number>>;
  /** Where everything still is, if there is something to look at. */
  readonly kept: string | null;
}

/** A fleet under work and trouble, until the time is over; then what became of it. */
export async function chaos(options: ChaosOptions, told: Told): Promise<Report> {
  const random = new Random(options.seed);
  const places = await makePlaces();
  const sandboxes = options.sandboxes && (await canHoldSandboxes(places));
  const backends = ["local", "sandbox-fake", ...(sandboxes ? ["sandbox-bubblewrap"] : [])];
  told.say(`seed ${options.seed}: ${options.workers} workers for ${backends.join(", ")}; data in ${places.base}`);
  const foreignNames = await plantForeign(places);
  const foreignPaths = foreignNames.flatMap((name) => Object.values(places.roots).map((root) => join(root, name)));
  const trees = await makeTrees(places.workspaces, random.fork("trees"));
  const before = { foreign: await picture(foreignPaths), sources: await picture([places.workspaces]) };

  const fleet = await startFleet(places, { workers: options.workers, backends, random: random.fork("restarts") });
  let keep = false;
  try {
    const secret = `planted-secret-${randomBytes(6).toString("hex")}`;
    const tenants = await makeTenants(fleet, { ...options, sandboxes }, random.fork("tenants"), secret);
    await Promise.all(fleet.members.map((member) => member.ready()));
    const watching = watch(places, secret);
    const production = produce(fleet, tenants, trees, options, random.fork("work"), secret);
    try {
      const troubles = await trouble(fleet, production, options, random.fork("trouble"), told);
      told.say("no more trouble: everything is awake, and settles");
      await Promise.race([production.finished, aborted(told.leave)]);
      const settled = await settle(fleet, { hurry: options.short, signal: told.leave, say: told.say });
      told.leave.throwIfAborted();
      told.say(`${settled.ok ? "settled" : "did not settle"} after ${(settled.after / 1000).toFixed(1)} s; looking`);
      const evidence = await gather(fleet, { production, tenants, troubles, settled, secret, watching, foreignNames, late: options.late, before, foreignPaths });
      const verdicts = await judge(evidence);
      keep = verdicts.some((verdict) => verdict.violations.length > 0);
      const starts = Object.fromEntries(fleet.members.map((member) => [member.name, member.starts]));
      return { seed: options.seed, verdicts, evidence: detached(evidence), starts, kept: keep ? places.base : null };
    } finally {
      watching.stop();
      production.stop();
      await production.close();
    }
  } finally {
    await fleet.close({ keep });
  }
}

/** Makes trouble for the time it has; in a storm, until all work has ended. */
async function trouble(fleet: ChaosFleet, production: Production, options: ChaosOptions, random: Random, told: Told): Promise<readonly Trouble[]> {
  const began = Date.now();
  const troubles = makeTrouble(fleet, options, random, (one) => told.say(`${((one.from - began) / 1000).toFixed(1).padStart(6)} s  ${one.what}`));
  const over = AbortSignal.any([told.enough, told.leave]);
  try {
    if (options.storm === null) await sleep(options.durationMs, undefined, { signal: over }).catch(() => {});
    else await untilEnded(fleet, production, options, over, told.say);
  } finally {
    production.stop();
    await troubles.stop();
  }
  return troubles.done;
}

async function untilEnded(fleet: ChaosFleet, production: Production, options: ChaosOptions, over: AbortSignal, say: (line: string) => void): Promise<void> {
  const end = performance.now() + options.durationMs;
  let asked = false;
  void production.finished.then(() => (asked = true));
  for (let looks = 0; !over.aborted && performance.now() < end; looks++) {
    await sleep(1000, undefined, { signal: over }).catch(() => {});
    const rows = await readRows(fleet.database.db).catch(() => null);
    if (rows === null) continue;
    const ended = rows.runs.filter((run) => run.phase === "ended").length;
    if (looks % 10 === 0) say(`${ended} of ${rows.runs.length} runs have ended, ${production.tasks.length} were asked for`);
    if (asked && ended === production.tasks.length) return;
  }
}

interface Seen {
  readonly production: Production;
  readonly tenants: Parameters<typeof intrude>[1];
  readonly troubles: readonly Trouble[];
  readonly settled: Evidence["settled"];
  readonly secret: string;
  readonly watching: ReturnType<typeof watch>;
  readonly foreignNames: readonly string[];
  /** Whether a provider made some too late. */
  readonly late: boolean;
  readonly foreignPaths: readonly string[];
  readonly before: { readonly foreign: Map<string, string>; readonly sources: Map<string, string> };
}

async function gather(fleet: ChaosFleet, seen: Seen): Promise<Evidence> {
  const { db } = fleet.database;
  const left = await whatStays(fleet.places, seen.foreignNames, seen.late);
  // What was found and given back meanwhile has a lease of its own, which ends a moment after its resource is gone.
  await untilNoneOpen(fleet);
  const rows = await readRows(db);
  const { watched } = seen.watching;
  const foreign = new Set(seen.foreignNames);
  return {
    ...rows,
    tasks: seen.production.tasks,
    holds: seen.production.holds,
    troubles: seen.troubles,
    settled: seen.settled,
    ledger: await readLedger(fleet.places.ledger),
    output: (execution, stream) => readWhole(db, execution, stream),
    watched: { ...watched, looks: watched.looks, resources: new Map([...watched.resources].filter(([name]) => !foreign.has(name))) },
    left,
    secrets: await searchSecrets(fleet, seen.secret),
    intrusions: await intrude(fleet.url, seen.tenants, rows),
    foreign: { before: seen.before.foreign, after: await picture(seen.foreignPaths) },
    sources: { before: seen.before.sources, after: await picture([fleet.places.workspaces]) },
    crashes: fleet.members.flatMap((member) => member.crashes),
  };
}

async function untilNoneOpen(fleet: ChaosFleet): Promise<void> {
  const end = performance.now() + releaseMargin;
  while (performance.now() < end && (await openThings(fleet)).length > 0) await sleep(100);
}

/**
 * Watchdogs and pumps of what has just ended leave within moments; what is there longer than that stays. What a provider makes
 * late it may make at any time from now on, for that goes by its calls, and they are rare by now: the time of each begins
 * when it is there.
 */
async function whatStays(places: Places, foreign: readonly string[], late: boolean): ReturnType<typeof whatIsThere> {
  const since = new Map<string, number>();
  const bound = (name: string): number => Math.max(timing.call / 6, late && /^(late )?sandbox /.test(name) ? lateBound : 0);
  for (;;) {
    const left = await whatIsThere(places, foreign);
    const now = performance.now();
    const ofProvider = (path: string): boolean => path.startsWith(`${places.provider}/`);
    const names = [...left.provider, ...left.directories.map((path) => (ofProvider(path) ? `sandbox ${path}` : path)), ...left.processes.map(({ pid }) => `process ${pid}`)];
    for (const name of names) if (!since.has(name)) since.set(name, now);
    if (names.every((name) => now - (since.get(name) ?? now) > bound(name))) return left;
    await sleep(100);
  }
}

const whatIsThere = async (places: Places, foreign: readonly string[]): Promise<Evidence["left"]> => lookForLeft(places, (name) => foreign.includes(name));

/** Without the database behind it. */
const detached = (evidence: Evidence): Evidence => ({ ...evidence, output: () => Promise.reject(new Error("the fleet is gone")) });

async function canHoldSandboxes(places: Places): Promise<boolean> {
  const { readConfig } = await import("../../src/config.ts");
  const drivers = openDrivers({ ...readConfig({ PATH: process.env["PATH"] }), dataDir: places.data }, "none");
  try {
    const probe = await drivers.get("sandbox-bubblewrap").probe({ signal: AbortSignal.timeout(timing.probe), log: pino({ level: "silent" }), reveal: plainValue }, { provider: "bubblewrap" });
    return probe.ok;
  } finally {
    await drivers.close();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
