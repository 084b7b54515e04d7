import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunProducer, runProducer } from "../../../queues/producer.ts";
import { LeaseholdRequestError } from "../../../src/client/index.ts";
import type { RunRequestInput } from "../../../src/domain/request.ts";
import type { ChaosFleet } from "../fleet/fleet.ts";
import type { ChaosOptions } from "../options.ts";
import type { Random } from "../random.ts";
import { argvOf } from "./act.ts";
import { type Plan, planTask, type Tree } from "./plan.ts";
import type { Hold, Task } from "./task.ts";
import type { Tenant } from "./tenants.ts";

export interface Production {
  readonly tasks: readonly Task[];
  readonly holds: readonly Hold[];
  /** Work that is being asked for, cancelled or followed at the moment. */
  readonly busy: number;
  /** Makes nothing new. */
  stop(): void;
  /** Settles when everything that was begun has been asked for, and followers have come to their end. */
  readonly finished: Promise<void>;
  close(): Promise<void>;
}

/** Asks for work of every kind, through the API and through the queue, until told to stop, or until there is enough. */
export function produce(fleet: ChaosFleet, tenants: readonly Tenant[], trees: readonly Tree[], options: ChaosOptions, random: Random, secret: string): Production {
  const tasks: Task[] = [];
  const holds: Hold[] = [];
  const under = new Set<Promise<void>>();
  const over = new AbortController();
  const queue = runProducer({ redisUrl: fleet.services.redisUrl, prefix: fleet.config.queuePrefix });
  const parts: Parts = { queue, secret };

  const begin = (work: Promise<void>): void => {
    const done = work.finally(() => under.delete(done));
    under.add(done);
  };
  const next = (): void => {
    if (options.storm === null && random.chance(0.12)) {
      const hold = planHold(random, tasks.length, tenants, trees, fleet.places.ledger, options);
      holds.push(hold);
      tasks.push(...hold.tasks);
      return begin(holdLease(hold, parts));
    }
    const plan = planTask(random, tasks.length, tenants, trees, fleet.places.ledger, options);
    tasks.push(plan.task);
    begin(askFor(plan, parts, over.signal));
  };
  const wanted = options.storm?.runs ?? Number.POSITIVE_INFINITY;
  const atOnce = options.storm === null ? 60 : 40;
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted && tasks.length < wanted) {
      if (under.size >= atOnce) await Promise.race(under);
      else {
        next();
        // A storm comes at once. Otherwise now and then a few together.
        if (options.storm === null && !random.chance(0.2)) await sleep((random.next() * 2 * 1000) / options.rate, undefined, { signal: over.signal }).catch(() => {});
      }
    }
    while (under.size > 0) await Promise.all(under);
  };
  const finished = loop();
  return {
    tasks,
    holds,
    get busy() {
      return under.size;
    },
    stop: () => over.abort(),
    finished,
    close: () => queue.close(),
  };
}

interface Parts {
  readonly queue: RunProducer;
  readonly secret: string;
}

function requestOf({ task, workspace }: Plan, secret: string | null): RunRequestInput {
  return {
    ...commandOf(task, secret),
    environment: { agent: task.place.id },
    ...(workspace === null ? {} : { workspace: { kind: "host_path", path: workspace } }),
  };
}

const commandOf = (task: Task, secret: string | null) => ({
  command: argvOf(task.id, task.ledger, task.act),
  timeoutMs: task.timeoutMs,
  ...(task.outputLimit === null ? {} : { outputLimit: task.outputLimit }),
  ...(secret === null ? {} : { env: { TOKEN: `${secret}-env-${task.id}` }, stdin: Buffer.from(`${secret}-stdin-${task.id}`).toString("base64") }),
});

async function askFor(plan: Plan, { queue, secret }: Parts, over: AbortSignal): Promise<void> {
  const { task } = plan;
  const { client } = task.tenant;
  if (task.via === "queue") {
    // What a producer puts on the queue must hold no secret: Redis would.
    const request = requestOf(plan, null);
    await Promise.all(Array.from({ length: task.asked }, () => noting(task, () => queue.submit({ company: task.tenant.id, idempotencyKey: task.key, request }))));
    return;
  }
  const request = requestOf(plan, secret);
  await Promise.all(
    Array.from({ length: task.asked }, () =>
      noting(task, async () => {
        task.accepted.push((await client.runs.create(request, { idempotencyKey: task.key })).id);
      }),
    ),
  );
  const [run] = task.accepted;
  if (run === undefined) return;
  const following = plan.follow ? follow(task, run) : undefined;
  if (plan.cancelAfterMs !== null) {
    await sleep(plan.cancelAfterMs, undefined, { signal: over }).catch(() => {});
    task.cancelled = true;
    await noting(task, () => client.runs.cancel(run));
  }
  await following;
}

async function follow(task: Task, run: string): Promise<void> {
  const pieces: Uint8Array[] = [];
  await noting(task, async () => {
    for await (const piece of task.tenant.client.runs.output(run, { follow: true })) pieces.push(piece);
    task.followed = Buffer.concat(pieces);
  });
}

async function noting(task: Task, ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    task.refused.push(error instanceof LeaseholdRequestError ? `${error.status} ${error.code}: ${error.detail}` : String(error));
  }
}

function planHold(random: Random, n: number, tenants: readonly Tenant[], trees: readonly Tree[], ledger: string, options: ChaosOptions): Hold {
  const first = planTask(random, n, tenants, trees, ledger, options).task;
  const id = randomUUID();
  const more = Array.from({ length: random.between(0, 2) }, (_, i) => planTask(random, n + i + 1, tenants, trees, ledger, options).task);
  const tasks = [first, ...more].map((task): Task => ({
    ...task,
    tenant: first.tenant,
    place: first.place,
    ledger: first.ledger,
    via: "lease",
    // There is no workspace in an ad-hoc lease, and in a sandbox no random bytes that anybody knows.
    act: task.act.kind === "files" || task.act.kind === "random" ? { kind: "say", lines: 3, pause: 0.2 } : task.act,
    lease: id,
  }));
  return { id, tenant: first.tenant, end: random.chance(0.5) ? "dies" : "release", maxLifeMs: random.between(5000, options.short ? 9000 : 30_000), tasks };
}

/** Holds a lease for a while, and gives it back or is not heard of again. */
async function holdLease(hold: Hold, { secret }: Parts): Promise<void> {
  const { client } = hold.tenant;
  const [first] = hold.tasks;
  if (first === undefined) return;
  await noting(first, async () => {
    const key = `hold-${randomBytes(8).toString("hex")}`;
    const lease = await client.leases.create({ environment: first.place.id, maxLifeMs: hold.maxLifeMs }, { idempotencyKey: key });
    for (const task of hold.tasks) task.lease = lease.id;
    let state = lease.state;
    while (state === "requested" || state === "acquiring") {
      await sleep(250);
      state = (await client.leases.get(lease.id)).state;
    }
    await Promise.all(
      hold.tasks.map((task) =>
        Promise.all(
          Array.from({ length: task.asked }, () =>
            noting(task, async () => {
              task.accepted.push((await client.leases.execute(lease.id, commandOf(task, secret), { idempotencyKey: task.key })).id);
            }),
          ),
        ),
      ),
    );
    if (hold.end === "dies") return;
    await sleep(hold.maxLifeMs / 4);
    await client.leases.release(lease.id);
  });
}
