import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { ensureCompany } from "../../src/db/companies.ts";
import { type Database, openDatabase } from "../../src/db/client.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { installationId } from "../../src/db/installation.ts";
import { beatWorker } from "../../src/db/workers.ts";
import { LeaseholdError, reasonOf } from "../../src/domain/errors.ts";
import { newId } from "../../src/domain/ids.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { fakeDriver } from "../../src/drivers/fake/driver.ts";
import type { FaultPlan } from "../../src/drivers/fake/faults.ts";
import { instantCommands } from "../../src/drivers/fake/instant.ts";
import { seenFence } from "../../src/drivers/fake/instant-fence.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { Progress } from "../../src/leases/progress.ts";
import { endCalm } from "../support/calm.ts";
import { freshDatabase } from "../support/database.ts";
import { quietLog } from "../support/quiet-log.ts";
import { fakeEnvironment } from "../support/stack.ts";
import { Bag } from "./bag.ts";
import { type EnvironmentFacts, mustHold } from "./invariants.ts";
import { Death, Process } from "./process.ts";
import { processDatabase, type Rewrite } from "./process-database.ts";
import { processDriver, type Watch } from "./process-driver.ts";
import { look, nothing, type SeenResource, type Snapshot } from "./snapshot.ts";
import { letTimePass, nextDue } from "./time.ts";
import { Violation } from "./violation.ts";
import { noSecrets } from "../support/secrets.ts";

export const backend = "sandbox-fake";

/** A bug put into the product, to see that it is found. */
export interface PlantedBug {
  readonly rewrite?: Rewrite;
  readonly driver?: (driver: Driver, root: string) => Driver;
}

/** One database, in which one world after the other begins. */
export interface Ground {
  readonly database: Database;
  readonly client: postgres.Sql;
  readonly installation: string;
  /** What has happened in its worlds, to see that they get anywhere: events of leases, outcomes of runs and executions, deeds. */
  readonly tally: Map<string, number>;
  close(): Promise<void>;
}

export async function openGround(): Promise<Ground> {
  const fresh = await freshDatabase();
  const database = openDatabase(fresh.url, { name: "model", max: 2 });
  const client = postgres(fresh.url, { max: 4, onnotice: () => {} });
  return {
    database,
    client,
    installation: await installationId(database.db),
    tally: new Map(),
    close: async () => {
      await Promise.all([client.end({ timeout: 1 }), database.close()]);
      await fresh.drop();
    },
  };
}

/**
 * A fleet on two hosts, of which nothing happens by itself: processes are started, held and killed, bells are delivered,
 * and time passes, by whoever has the world. Database and provider are real.
 */
export class World {
  readonly bag = new Bag();
  readonly environments = new Map<string, EnvironmentFacts>();
  readonly starts = new Map<string, number>();
  readonly duplicated = new Set<string>();
  readonly vanished = new Set<string>();
  /** What was answered for a key: from then on it is the answer. */
  readonly answers = new Map<string, { readonly id: string; readonly variant: number }>();
  /** Runs somebody ended, or spoiled: nobody expects them to succeed. */
  readonly spoiled = new Set<string>();
  /** Processes that are held. */
  held: Process[] = [];
  now: Snapshot = nothing;
  kills = 0;
  /** The longest time in which nobody renewed what waits. */
  longestPause = 0;
  pause = 0;
  /** What happened, for the report. */
  readonly story: string[] = [];
  readonly companyId: string;
  readonly hosts: readonly string[];
  readonly #ground: Ground;
  readonly #root: string;
  readonly #providers: ReadonlyMap<string, string>;
  readonly #drivers: ReadonlyMap<string, Driver>;
  readonly #bug: PlantedBug;
  readonly #broken: Violation[] = [];
  readonly #fences = new Map<string, number>();
  #count = 0;

  private constructor(ground: Ground, root: string, companyId: string, bug: PlantedBug) {
    this.#ground = ground;
    this.#root = root;
    this.companyId = companyId;
    this.hosts = [newId(), newId()];
    this.#providers = new Map(this.hosts.map((host, i) => [host, join(root, `provider-${i}`)]));
    this.#bug = bug;
    this.#drivers = new Map(
      [...this.#providers].map(([host, at]) => {
        const driver = fakeDriver({ root: at, installation: ground.installation, path: "/usr/bin:/bin" });
        return [host, bug.driver?.(driver, at) ?? driver];
      }),
    );
  }

  /** A new world with three environments: one slot; no limit; no limit and a provider that fails as planned. */
  static async begin(ground: Ground, plan: FaultPlan, bug: PlantedBug = {}): Promise<World> {
    const { client, database } = ground;
    await client.unsafe("delete from companies");
    await client.unsafe("delete from workers");
    const { id } = await ensureCompany(database.db, "model");
    await endCalm(database.db);
    const world = new World(ground, await mkdtemp(join(tmpdir(), "leasehold-model-")), id, bug);
    for (const host of world.hosts) {
      // Reports of workers are not what this is about: they are there and living.
      const row = newId();
      await beatWorker(database.db, { id: row, host, hostName: "model", pid: 1, version: "0", backends: [backend] });
      await client.unsafe("update workers set beat_at = clock_timestamp() + interval '1 day' where id = $1", [row]);
    }
    const hides = plan.some((f) => f.fault === "create_late" || f.fault === "list_stale" || (f.fault === "fail" && f.kind === "gone" && f.verb === "release"));
    await world.#environment({ name: "narrow", maxLeases: 1, exitCode: 0, stdout: "", faulty: false, hides: false }, []);
    await world.#environment({ name: "wide", maxLeases: null, exitCode: 3, stdout: "some output", faulty: false, hides: false }, []);
    await world.#environment({ name: "faulty", maxLeases: null, exitCode: 0, stdout: "", faulty: plan.length > 0, hides }, plan);
    return world;
  }

  async #environment(facts: EnvironmentFacts, faults: FaultPlan): Promise<void> {
    const config = { commands: "instant", instant: { exitCode: facts.exitCode, stdout: facts.stdout }, ...(faults.length === 0 ? {} : { faults }) };
    const { id } = await insertEnvironment(this.#ground.database.db, this.companyId, { ...fakeEnvironment(config, facts.maxLeases ?? undefined), name: facts.name });
    this.environments.set(id, facts);
  }

  /** The environment of a name. */
  environment(index: number): string {
    return [...this.environments.keys()][index % this.environments.size] ?? "";
  }

  /** Starts a process on a host for one use case, and waits until it has ended or is held. Then everything must hold. */
  async start(what: string, host: string, budget: number | null, work: (fleet: WorkerFleet, stop: AbortSignal) => Promise<void>): Promise<void> {
    this.#count += 1;
    const process = new Process(`${what} #${this.#count}`, budget ?? Number.POSITIVE_INFINITY, (own) => work(this.#fleet(own, host), own.stop.signal));
    await process.rest();
    await this.#after(process);
  }

  /** Has something happen to a process that is held. */
  async with(process: Process, act: () => Promise<void>): Promise<void> {
    this.held = this.held.filter((one) => one !== process);
    await act();
    await this.#after(process);
  }

  async #after(process: Process): Promise<void> {
    const did = process.trace.splice(0);
    this.story.push(`${process.who}: ${did.length > 12 ? `${did.slice(0, 6).join("; ")} ... ${did.slice(-2).join("; ")}` : did.join("; ")}${process.ended ? "" : `; held before: ${process.next}`}`);
    if (!process.ended) this.held.push(process);
    const { error } = process;
    if (error !== null) this.story.push(`${process.who} failed: ${reasonOf(error)}`);
    if (error instanceof Violation) throw error;
    if (error !== null && !expected(error)) throw new Violation("a process failed", `${process.who}: ${error instanceof Error ? (error.stack ?? error.message) : reasonOf(error)}`);
    await this.verify();
  }

  async pass(ms: number, silent: boolean): Promise<void> {
    this.pause += ms;
    this.longestPause = Math.max(this.longestPause, this.pause);
    await letTimePass(this.#ground.client, ms, silent);
    await this.verify();
  }

  nextDue = (): Promise<number | null> => nextDue(this.#ground.client);

  /** Looks, and throws `Violation` when something does not hold. */
  async verify(): Promise<void> {
    const now = await look(this.#ground.client, this.#providers);
    const [broken] = this.#broken.splice(0);
    if (broken !== undefined) throw broken;
    mustHold(this.now, now, this);
    this.now = now;
  }

  /** The provider loses a resource. */
  async vanish({ host, key, sandbox }: SeenResource): Promise<void> {
    const provider = directoryProvider(this.#rootOf(host));
    const found = await provider.get(key, sandbox);
    this.vanished.add(key);
    this.#spoilHolderOf(key);
    if (found !== null) await provider.destroy(found);
    await this.verify();
  }

  /** The provider makes one more of what it was asked for once. */
  async duplicate({ host, key, sandbox }: SeenResource): Promise<void> {
    const root = this.#rootOf(host);
    const provider = directoryProvider(root);
    const found = await provider.get(key, sandbox);
    const fence = found === null ? null : await seenFence(found.directory);
    if (found === null || fence === null) return;
    this.duplicated.add(key);
    const instant = instantCommands("/usr/bin:/bin", { exitCode: 0, stdout: "" });
    await provider.create({ key, labels: found.labels, expiresAt: found.expiresAt, commands: "instant", prepare: (directory) => instant.prepare(directory, fence) });
    await this.verify();
  }

  /** Everybody dies who is left, and what is of this world goes. */
  async end(): Promise<void> {
    const { tally } = this.#ground;
    const count = (what: string): void => void tally.set(what, (tally.get(what) ?? 0) + 1);
    for (const { events } of this.now.leases.values()) for (const { event } of events) count(event);
    for (const { outcome } of [...this.now.runs.values(), ...this.now.executions.values()]) if (outcome !== null) count(`outcome ${outcome.kind}`);
    for (const process of this.held.splice(0)) await process.kill(false);
    await rm(this.#root, { recursive: true, force: true });
  }

  #spoilHolderOf(key: string): void {
    const lease = [...this.now.leases.values()].find((one) => one.key === key);
    if (lease?.run != null) this.spoiled.add(lease.run);
  }

  #rootOf(host: string): string {
    const root = this.#providers.get(host);
    if (root === undefined) throw new Error(`no host ${host}`);
    return root;
  }

  #fleet(process: Process, host: string): WorkerFleet {
    const driver = this.#drivers.get(host);
    if (driver === undefined) throw new Error(`no host ${host}`);
    const own = processDriver(driver, process, this.#watch);
    const db = processDatabase(this.#ground.client, process, this.#bug.rewrite ?? ((statement) => statement));
    return {
      db,
      claims: db,
      bells: this.bag.of(process),
      log: quietLog,
      who: process.who,
      installation: this.#ground.installation,
      host: { id: host, name: "model" },
      driver: () => own,
      // What is told to processes at work is always lost; they look for themselves when they extend their claim.
      notices: { onExecution: () => () => {} },
      progress: new Progress(),
      secrets: noSecrets(db),
      memory: { known: async () => [], remember: async () => {}, forget: async () => {} },
    };
  }

  readonly #watch: Watch = {
    acquiring: async (key) => {
      const rows = await this.#ground.client.unsafe("select 1 from environment_leases where resource_key = $1", [key]);
      if (rows.length === 0) this.#broken.push(new Violation("I1", `the driver is asked to acquire ${key}, of which there is no row`));
    },
    acquired: (key, fence) => void this.#fences.set(key, Math.max(fence, this.#fences.get(key) ?? 0)),
    started: (key, execution, fence) => {
      this.starts.set(execution, (this.starts.get(execution) ?? 0) + 1);
      const seen = this.#fences.get(key) ?? 0;
      if (fence < seen) this.#broken.push(new Violation("I5", `execution ${execution} was started with fence ${fence} after ${seen} had been seen`));
      this.#fences.set(key, Math.max(fence, seen));
    },
  };
}

/** Errors that a process may end with: ours say what they mean, and a lost connection is what it was told. */
const expected = (error: unknown): boolean => {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof LeaseholdError || e instanceof Death || ("code" in e && e.code === "ECONNRESET")) return true;
  }
  return false;
};
