import { type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { timing } from "../src/domain/defaults.ts";
import type { AcquireBell, Bells, StepBell } from "../src/domain/bells.ts";
import type { ProbeReply } from "../src/domain/probe.ts";
import { catalog } from "./catalog.ts";
import { channels } from "./channels.ts";
import { clockOf, mustTakeWrites, openRingingConnection, type RedisAddress } from "./connection.ts";

/** The job under which a step is shown. */
export interface ParentJob {
  readonly id: string;
  /** The parent's queue with its prefix. */
  readonly queue: string;
}

export interface QueueBells extends Bells {
  /** Rings for a step as a child of its run's job, so that operators see a run as a tree. False when it was not rung. */
  stepUnder(parent: ParentJob, bell: StepBell | AcquireBell): Promise<boolean>;
  /** Tells whoever asked how a place is. */
  reply(id: string, reply: ProbeReply): Promise<void>;
  /** Milliseconds since 1970 by Redis's clock. Throws while Redis cannot be reached. */
  now(): Promise<number>;
  close(): Promise<void>;
}

/** Doorbells through BullMQ and Redis channels. None of them throws: what is not rung is logged, and the reaper rings. */
export function openBells(address: RedisAddress, log: Logger): QueueBells {
  let quietUntil = 0;
  const trouble = (error: Error, what: string): void => {
    // One line per outage second is enough.
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + 1000;
    log.warn({ err: error }, `${what}; the reaper will ring again`);
  };
  const redis: Redis = openRingingConnection(address, (error) => trouble(error, "Redis cannot be reached"));
  const channel = channels(address.prefix);
  const queues = new Map<string, Queue>();
  const queueNamed = (name: string): Queue => {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: redis, prefix: address.prefix, skipVersionCheck: true, skipMetasUpdate: true });
    queue.on("error", (error) => trouble(error, `queue ${name}`));
    queues.set(name, queue);
    return queue;
  };
  let connected = false;
  redis.on("ready", () => {
    connected = true;
  });
  const attempt = async (what: string, ring: () => Promise<unknown>): Promise<boolean> => {
    // Once there was a connection, being without one is an outage: nobody waits for it. Before, it is about to come.
    if (connected && redis.status !== "ready") {
      trouble(new Error(`Redis is ${redis.status}`), `could not ring ${what}`);
      return false;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer from Redis within ${timing.ring} ms`));
        // A server that hangs or was cut off: whoever rings next does not wait for it, and a new connection may find another.
        if (redis.status === "ready") redis.disconnect(true);
      }, timing.ring);
    });
    try {
      await Promise.race([ring(), late]);
      return true;
    } catch (error) {
      trouble(error instanceof Error ? error : new Error(String(error)), `could not ring ${what}`);
      return false;
    } finally {
      clearTimeout(timer);
    }
  };
  const add = (name: string, kind: keyof typeof catalog, data: unknown, options: JobsOptions) =>
    attempt(`${name}`, () => queueNamed(name).add(kind, data, { attempts: 1, ...catalog[kind].keep, ...options }));

  const moved = async (id: string): Promise<void> => {
    await attempt("watchers of a run", () => redis.publish(channel.news(id), ""));
  };

  return {
    heard: () => attempt("anybody", () => mustTakeWrites(redis, address.prefix)),
    run: async (id, cause, rank = 0) => {
      await Promise.all([add(catalog.run.queue(), "run", { v: 1, run: id }, { priority: rank, deduplication: { id: `run-${id}-${cause}` } }), moved(id)]);
    },
    moved,
    step: async (bell) => {
      const { name, data, key } = addressOf(bell);
      await add(name, bell.verb, data, { deduplication: { id: key } });
    },
    stepUnder: (parent, bell) => {
      const { name, data, key } = addressOf(bell);
      // A child's id ends in its parent's: BullMQ refuses a job that another parent has.
      return add(name, bell.verb, data, { jobId: `${key}-${parent.id}`, parent, ignoreDependencyOnFailure: true });
    },
    output: async (notice) => {
      await attempt("followers", () => redis.publish(channel.news(notice.execution), JSON.stringify(notice)));
    },
    execution: async (id) => {
      await attempt("a worker", () => redis.publish(channel.executions, id));
    },
    reply: async (id, reply) => {
      await attempt("who asked", () => redis.publish(channel.answer(id), JSON.stringify(reply)));
    },
    now: () => clockOf(redis),
    close: async () => {
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}

function addressOf(bell: StepBell | AcquireBell): { name: string; data: unknown; key: string } {
  const name = catalog[bell.verb].queue(bell.backend, bell.host);
  if (bell.verb === "acquire") return { name, data: { v: 1 }, key: `acquire-${bell.cause}` };
  return { name, data: { v: 1, id: bell.id, offer: bell.offer }, key: `${bell.verb}-${bell.id}-${bell.offer}` };
}
