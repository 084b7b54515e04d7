import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import type { Config } from "../../../src/config.ts";
import { runProducer } from "../../../queues/producer.ts";
import { ensureLocalEnvironment } from "../../../src/db/environments.ts";
import { findExecution } from "../../../src/db/executions.ts";
import { findLease } from "../../../src/db/leases.ts";
import type { RunSituation } from "../../../src/db/runs.ts";
import { letLeaseGo } from "../../../src/leases/let-go.ts";
import { requestAdHocLease } from "../../../src/leases/request-ad-hoc.ts";
import { requestExecution } from "../../../src/leases/request-execution.ts";
import { cancelRun } from "../../../src/runs/cancel.ts";
import { openBase } from "../../../src/app/base.ts";
import { openWorker } from "../../../src/app/worker.ts";
import { endCalm } from "../../support/calm.ts";
import { freshPrefix } from "../../support/database.ts";
import { eventually } from "../../support/eventually.ts";
import type { Stack } from "../../support/stack.ts";
import { createToken } from "../../../src/db/companies.ts";
import { serveApi } from "../../support/serve-api.ts";
import type { Mortal } from "./mortal.ts";
import { openRows, type Rows, whatWasLeft } from "./observe.ts";
import { reaperScenario } from "./reaper-scenario.ts";

/** Every step is in it: the workspace of the run is a copy of this. */
export const project = fileURLToPath(new URL("../../../examples/roman", import.meta.url));

/** How long a client waits for anything: longer than any takeover. */
const patience = { timeoutMs: 120_000, everyMs: 100 };

/**
 * What is asked of a fleet while one of its processes may die at any line, and what has to be true afterwards. Who asks
 * outlives the process, and asks in rows, not in time.
 */
export interface Scenario {
  /** Arguments of `mortal.mjs`. */
  readonly mortal: readonly string[];
  /** In one clause, for the matrix. */
  readonly story: string;
  /** What is there before the mortal is. */
  readonly prepare?: (stack: Stack) => Promise<void>;
  readonly slow?: string;
  readonly config?: () => Promise<Partial<Config>>;
  /** Who comes when the mortal is gone; a worker when not given. */
  readonly next?: (world: World) => Promise<void>;
  /** Asks for things and waits until all have ended. */
  readonly client: (world: World) => Promise<void>;
  /** What must have come of it. */
  readonly expected: Expected;
  /** Says more about what came of it than the rest; gives the invariants that it has shown, if they are others than usual. */
  readonly check?: (world: World, after: Rows) => Promise<readonly string[]>;
  /** What was left and what came next, where other words fit better. */
  readonly say?: { readonly left: (left: Rows) => string; readonly next: (left: Rows, after: Rows, world: World) => string };
}

/** What there is for a client. */
export interface World {
  readonly stack: Stack;
  readonly mortal: Mortal;
  /** Where an API answers. */
  api: Promise<string | undefined>;
  /** The request that had to be asked again, and the status it had then. */
  again: { readonly what: string; readonly status: number } | null;
  /** What has to be closed in the end. */
  readonly opened: AsyncDisposable[];
}

export interface Expected {
  /** Outcomes of runs, in the order in which they were asked for. */
  readonly runs: readonly unknown[];
  /** How each lease ended, in that order. */
  readonly leases: readonly string[];
  readonly executions: readonly { readonly outcome: unknown; readonly stdout: string; readonly starts: number }[];
}

const exited = { kind: "exited", code: 0 };

/** Each start of a command leaves a line in a file of the command's own. */
const counted = (stack: Stack, name: string, script: string): { command: string[]; env: Record<string, string> } => ({
  command: ["sh", "-c", `echo started >>"$STARTS"; ${script}`],
  env: { STARTS: startsFile(stack, name) },
});
const startsFile = (stack: Stack, name: string): string => join(stack.config.dataDir, `starts-${name}`);
/** How often the nth execution's command was started. */
export const startsOf = async (stack: Stack, n: number): Promise<number> =>
  (await readFile(startsFile(stack, String(n)), "utf8").catch(() => "")).split("\n").filter((line) => line === "started").length;

/** Says its second line when the first one is durable. */
const short = 'echo out; while [ -e "$STARTS" ] && [ ! -e "$STARTS.go" ]; do sleep 0.1; done; echo end';
const sayTheRest = (stack: Stack, name: string): Promise<void> => writeFile(`${startsFile(stack, name)}.go`, "");
const endless = "echo out; exec sleep 1000";

const situation = async (stack: Stack, id: string, wanted: (now: RunSituation) => boolean): Promise<void> => {
  await eventually(async () => {
    const now = await stack.situation(id);
    if (!wanted(now)) throw new Error(`run ${now.run.phase}, lease ${now.lease?.state}, execution ${now.execution?.state}`);
  }, patience);
};
const ended = (stack: Stack, id: string): Promise<void> => situation(stack, id, ({ run }) => run.phase === "ended");
/** It runs, and its first line is durable. */
const speaks = (stack: Stack, id: string): Promise<void> => situation(stack, id, ({ execution }) => execution?.state === "running" && execution.stdoutBytes === 4);

const parts = (stack: Stack) => ({ db: stack.base.database.db, bells: stack.base.bells, who: "api test" });

/** A lease of an API client's own, active. */
async function heldLease(stack: Stack): Promise<string> {
  const { lease } = await requestAdHocLease(parts(stack), stack.companyId, undefined, {});
  await eventually(async () => {
    const now = await findLease(stack.base.database.db, lease.id);
    if (now?.state !== "active") throw new Error(`lease ${now?.state}`);
  }, patience);
  return lease.id;
}
async function asked(stack: Stack, lease: string, name: string, script: string): Promise<string> {
  return (await requestExecution(parts(stack), stack.companyId, lease, undefined, counted(stack, name, script))).execution.id;
}
const executionIs = async (stack: Stack, id: string, wanted: "final" | "speaking"): Promise<void> => {
  await eventually(async () => {
    const now = await findExecution(stack.base.database.db, id);
    const is = wanted === "final" ? now?.state === "final" : now?.state === "running" && now.stdoutBytes === 4;
    if (!is) throw new Error(`execution ${now?.state}, ${now?.stdoutBytes} bytes`);
  }, patience);
};
const leaseEnded = async (stack: Stack, id: string): Promise<void> => {
  await eventually(async () => {
    const now = await findLease(stack.base.database.db, id);
    if (now === undefined || now.releasedAt === null) throw new Error(`lease ${now?.state}`);
  }, patience);
};

/** Asks over HTTP. What is not answered is asked again, with the same key. */
type Ask = (path: string, key?: string, body?: unknown) => Promise<string>;

/** A scenario of an API that dies, and of a worker that does not. */
const overHttp = (story: string, expected: Expected, client: (stack: Stack, ask: Ask) => Promise<void>): Scenario => ({
  mortal: ["api"],
  story,
  expected,
  config: async () => ({ port: 0 }),
  prepare: async (stack) => {
    await stack.worker();
  },
  next: async (world) => {
    const served = await serveApi(world.stack);
    world.opened.push(served);
    world.api = Promise.resolve(served.url);
  },
  client: async (world) => {
    const { stack } = world;
    const token = await createToken(stack.base.database.db, stack.companyId, "client", "producer");
    await client(stack, async (path, key, body) => {
      let tries = 0;
      const answer = await eventually(async () => {
        tries += 1;
        const response = await fetch(`${await world.api}/v1${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, ...(key === undefined ? {} : { "idempotency-key": key, "content-type": "application/json" }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
        return { status: response.status, id: String(((await response.json()) as { id: string }).id) };
      }, patience);
      if (tries > 1) world.again = { what: path, status: answer.status };
      return answer.id;
    });
  },
  say: {
    left: (left) => whatWasLeft(openRows(left)),
    next: (_left, _after, { again }) => (again === null ? "was answered" : `asked again, ${again.status === 201 ? "it is written down" : "it is there and answered"}`),
  },
});

const cancelled = { outcome: { kind: "cancelled" }, stdout: "out\n", starts: 1 };

const apiRuns = overHttp("a run is asked for and cancelled over HTTP", { runs: [{ kind: "cancelled" }], leases: ["expired"], executions: [cancelled] }, async (stack, ask) => {
  const run = await ask("/runs", "run", counted(stack, "0", endless));
  await speaks(stack, run);
  await ask(`/runs/${run}/cancel`);
  await ended(stack, run);
});

const apiLeases = overHttp("an ad-hoc lease and a command in it are asked for, cancelled and let go over HTTP", { runs: [], leases: ["released"], executions: [cancelled] }, async (stack, ask) => {
  const lease = await ask("/leases", "lease", {});
  await eventually(async () => {
    const now = await findLease(stack.base.database.db, lease);
    if (now?.state !== "active") throw new Error(`lease ${now?.state}`);
  }, patience);
  await ask(`/leases/${lease}/renew`);
  const execution = await ask(`/leases/${lease}/executions`, "execution", counted(stack, "0", endless));
  await executionIs(stack, execution, "speaking");
  await ask(`/executions/${execution}/cancel`);
  await executionIs(stack, execution, "final");
  await ask(`/leases/${lease}/release`);
  await leaseEnded(stack, lease);
});

export const scenarios = {
  plain: {
    mortal: ["worker", "local"],
    story: "a run with a workspace, submitted on the queue",
    client: async ({ stack }) => {
      const producer = runProducer({ redisUrl: stack.base.redis.url, prefix: stack.base.redis.prefix });
      const key = randomUUID();
      await producer.submit({ company: stack.companyId, idempotencyKey: key, request: { ...counted(stack, "0", short), workspace: { kind: "host_path", path: project } } });
      await producer.close();
      const id = await eventually(async () => {
        const [row] = await stack.base.database.db.execute(sql`select id from runs where idempotency_key = ${key}`);
        if (row === undefined) throw new Error("nobody has written the run down");
        return String(row["id"]);
      }, patience);
      await speaks(stack, id);
      await sayTheRest(stack, "0");
      await ended(stack, id);
    },
    expected: { runs: [exited], leases: ["released"], executions: [{ outcome: exited, stdout: "out\nend\n", starts: 1 }] },
  },
  slow: {
    mortal: ["worker", "local"],
    story: "a run in an environment with one slot, whose place is slow",
    slow: String.raw`fs rename \S*\.stage|spawn cp|spawn leasehold retire`,
    prepare: async (stack) => {
      const environment = await ensureLocalEnvironment(stack.base.database.db, stack.companyId);
      await stack.base.database.db.execute(sql`update environments set max_leases = 1 where id = ${environment.id}`);
    },
    client: async ({ stack }) => {
      const run = await stack.submit({ ...counted(stack, "0", `${short}; sleep 3.5`), workspace: { kind: "host_path", path: project } });
      await speaks(stack, run.id);
      await sayTheRest(stack, "0");
      await ended(stack, run.id);
    },
    expected: { runs: [exited], leases: ["released"], executions: [{ outcome: exited, stdout: "out\nend\n", starts: 1 }] },
  },
  cancelled: {
    mortal: ["worker", "local"],
    story: "a run that is cancelled while its command runs",
    client: async ({ stack }) => {
      const run = await stack.submit(counted(stack, "0", endless));
      await speaks(stack, run.id);
      await cancelRun(parts(stack), stack.companyId, run.id);
      await ended(stack, run.id);
    },
    expected: { runs: [{ kind: "cancelled" }], leases: ["expired"], executions: [{ outcome: { kind: "cancelled" }, stdout: "out\n", starts: 1 }] },
  },
  timeout: {
    mortal: ["worker", "local"],
    story: "a run whose command takes longer than it may",
    client: async ({ stack }) => {
      const run = await stack.submit({ ...counted(stack, "0", endless), timeoutMs: 3000 });
      await ended(stack, run.id);
    },
    expected: { runs: [{ kind: "timed_out" }], leases: ["failed"], executions: [{ outcome: { kind: "timed_out" }, stdout: "out\n", starts: 1 }] },
  },
  expired: {
    mortal: ["worker", "local"],
    story: "a run whose lease was not renewed and is ended by the reaper",
    client: async ({ stack }) => {
      const run = await stack.submit(counted(stack, "0", endless));
      await speaks(stack, run.id);
      await stack.base.database.db.execute(sql`update environment_leases set expires_at = clock_timestamp() where status = 'active'`);
      await eventually(async () => {
        await endCalm(stack.base.database.db);
        await stack.sweep();
        const { lease } = await stack.situation(run.id);
        if (lease?.state === "active") throw new Error("the lease has not expired");
      }, patience);
      await ended(stack, run.id);
    },
    expected: { runs: [{ kind: "lease_ended" }], leases: ["expired"], executions: [{ outcome: { kind: "lease_ended" }, stdout: "out\n", starts: 1 }] },
  },
  "ad-hoc": {
    mortal: ["worker", "local"],
    story: "an ad-hoc lease with a command that ends, and one that runs when the lease is let go",
    client: async ({ stack }) => {
      const lease = await heldLease(stack);
      const first = await asked(stack, lease, "0", short);
      await executionIs(stack, first, "speaking");
      await sayTheRest(stack, "0");
      await executionIs(stack, first, "final");
      const second = await asked(stack, lease, "1", endless);
      await executionIs(stack, second, "speaking");
      await letLeaseGo(parts(stack), stack.companyId, lease);
      await leaseEnded(stack, lease);
    },
    expected: {
      runs: [],
      leases: ["released"],
      executions: [
        { outcome: exited, stdout: "out\nend\n", starts: 1 },
        { outcome: { kind: "lease_ended" }, stdout: "out\n", starts: 1 },
      ],
    },
  },
  forsaken: {
    mortal: ["worker", "local"],
    story: "an ad-hoc lease that is let go while nobody follows the command in it",
    prepare: async (stack) => {
      // Its bells are those of another fleet: whoever comes finds the rows alone.
      const config = { ...stack.config, queuePrefix: freshPrefix() };
      const base = openBase(config, "first worker");
      const worker = await openWorker(config, base, { backends: ["local"] });
      const elsewhere = { ...stack, base: { ...stack.base, bells: base.bells } };
      const lease = await heldLease(elsewhere);
      await executionIs(stack, await asked(elsewhere, lease, "0", endless), "speaking");
      await worker.stop();
      await base.close();
    },
    client: async ({ stack }) => {
      const [row] = await stack.base.database.db.execute(sql`select id from environment_leases`);
      await letLeaseGo(parts(stack), stack.companyId, String(row?.["id"]));
      await leaseEnded(stack, String(row?.["id"]));
    },
    expected: { runs: [], leases: ["released"], executions: [{ outcome: { kind: "lease_ended" }, stdout: "out\n", starts: 1 }] },
  },
  told: {
    mortal: ["worker", "local"],
    story: "a worker that is told to stop while it follows a command",
    client: async ({ stack, mortal }) => {
      const run = await stack.submit(counted(stack, "0", short));
      await speaks(stack, run.id);
      mortal.signal("SIGTERM");
      await situation(stack, run.id, ({ execution }) => execution?.state === "running" && execution.offer > 1);
      await sayTheRest(stack, "0");
      await ended(stack, run.id);
    },
    expected: { runs: [exited], leases: ["released"], executions: [{ outcome: exited, stdout: "out\nend\n", starts: 1 }] },
  },
  sweep: reaperScenario,
  "api runs": apiRuns,
  "api leases": apiLeases,
} satisfies Record<string, Scenario>;
export type ScenarioName = keyof typeof scenarios;
