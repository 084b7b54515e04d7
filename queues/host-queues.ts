import { Queue } from "bullmq";
import { catalog, verbs } from "./catalog.ts";
import { openRingingConnection, type RedisAddress } from "./connection.ts";

/**
 * Removes a host's queues with all their jobs: bells that nobody will answer, for rows are what is done. A queue that is
 * rung again is there again. Throws when Redis cannot be reached; what is removed by then stays removed.
 */
export async function removeHostQueues(address: RedisAddress, host: string, backends: readonly string[]): Promise<void> {
  let fault: Error | null = null;
  const redis = openRingingConnection(address, (error) => {
    fault = error;
  });
  try {
    await new Promise<void>((resolve, reject) => {
      redis.once("ready", () => resolve());
      redis.once("close", () => reject(fault ?? new Error("Redis cannot be reached")));
    });
    for (const backend of backends) {
      for (const verb of verbs) {
        const queue = new Queue(catalog[verb].queue(backend, host), { connection: redis, prefix: address.prefix, skipVersionCheck: true, skipMetasUpdate: true });
        queue.on("error", () => {});
        await queue.obliterate({ force: true });
        await queue.close();
      }
    }
  } finally {
    redis.disconnect();
  }
}
