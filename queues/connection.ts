import { Redis, type RedisOptions } from "ioredis";
import { timing } from "../src/domain/defaults.ts";

/** Back after an outage within a second or two, not after BullMQ's twenty. */
const retryStrategy = (times: number): number => Math.min(100 * 2 ** Math.min(times, 5), 1500);

export interface RedisAddress {
  readonly url: string;
  /** Prefix of all keys and channels, with a hash tag so that a Redis Cluster keeps them in one slot. */
  readonly prefix: string;
}

/** For ringing: a command that cannot be sent now fails now, because the row has it anyway. */
export function openRingingConnection(address: RedisAddress, onError: (error: Error) => void): Redis {
  return open(address, { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 2000 }, onError);
}

/** For BullMQ workers and subscribers: waits for Redis to come back, as long as it takes. */
export function openPatientConnection(address: RedisAddress, onError: (error: Error) => void): Redis {
  return open(address, { maxRetriesPerRequest: null }, onError);
}

function open(address: RedisAddress, options: Omit<RedisOptions, "replyMapping">, onError: (error: Error) => void): Redis {
  const redis: Redis = new Redis(address.url, { retryStrategy, reconnectOnError, connectTimeout: timing.connect, ...options });
  // Without a listener for its whole life, a lost connection would end the process.
  redis.on("error", onError);
  return redis;
}

/**
 * After a failover the server we are connected to may be a replica now, which refuses to write: a new connection finds the
 * primary. What was refused is not sent again; whoever sent it has a pace of its own.
 */
const reconnectOnError = (error: Error): boolean => error.message.includes("READONLY");

/**
 * Whether Redis takes what is rung now: asked by writing, for one that is full or a replica still answers. Throws what it
 * said, or that it cannot be reached.
 */
export async function mustTakeWrites(redis: Redis, prefix: string): Promise<void> {
  await redis.set(`${prefix}:heard`, "", "EX", 60);
}

/** Milliseconds since 1970 by Redis's clock: machines may differ, whoever talks through one Redis shares this one. */
export async function clockOf(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/** Tells loudly when Redis may throw our bells away under memory pressure. Null when all is well. */
export async function evictionWarning(redis: Redis): Promise<string | null> {
  const answer = await redis.config("GET", "maxmemory-policy").catch(() => null);
  const policy = Array.isArray(answer) ? answer[1] : answer !== null && typeof answer === "object" ? (answer as Record<string, unknown>)["maxmemory-policy"] : undefined;
  if (typeof policy !== "string" || policy === "noeviction") return null;
  return `Redis runs with maxmemory-policy ${policy} and may drop jobs when its memory is full; set it to noeviction`;
}
