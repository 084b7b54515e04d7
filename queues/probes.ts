import { Queue } from "bullmq";
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { z } from "zod";
import { timing } from "../src/domain/defaults.ts";
import { cancelled, reasonOf, transient } from "../src/domain/errors.ts";
import { type ProbeAnswer, type ProbeQuestion, type Probes, probeReply } from "../src/domain/probe.ts";
import { catalog } from "./catalog.ts";
import { channels } from "./channels.ts";
import { clockOf, openPatientConnection, openRingingConnection, type RedisAddress } from "./connection.ts";

export interface QueueProbes extends Probes {
  close(): Promise<void>;
}

/**
 * Asks workers how a place is: a job puts the question, a channel of its own brings the answer, and nothing of either stays
 * in Redis. What is lost on the way is asked again by whoever wants to know.
 */
export function openProbes(address: RedisAddress, log: Logger): QueueProbes {
  const trouble = (err: unknown): void => log.warn({ err }, "Redis cannot be reached; nobody can be asked how a place is");
  const redis = openRingingConnection(address, trouble);
  const ears = openPatientConnection(address, trouble);
  const channel = channels(address.prefix);
  const waiting = new Map<string, (message: string) => void>();
  ears.on("message", (name: string, message: string) => waiting.get(name)?.(message));
  const queues = new Map<string, Queue>();
  const queueNamed = (name: string): Queue => {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: redis, prefix: address.prefix, skipVersionCheck: true, skipMetasUpdate: true });
    queue.on("error", trouble);
    queues.set(name, queue);
    return queue;
  };
  const put = async (id: string, { backend, config, companyId, withinMs = timing.probe }: ProbeQuestion) => {
    const queue = queueNamed(catalog.probe.queue(backend, null));
    // Heard before it is asked: an answer that comes at once is not missed.
    await Promise.all([ears.subscribe(channel.answer(id)), queue.waitUntilReady()]);
    const expiresAt = (await clockOf(redis)) + withinMs;
    return queue.add("probe", { v: 1, probe: { id, config, ...(companyId === undefined ? {} : { company: companyId }), expiresAt } }, { attempts: 1, ...catalog.probe.keep });
  };

  return {
    ask: async (question) => {
      const { backend, withinMs = timing.probe, signal } = question;
      const id = randomUUID();
      const name = channel.answer(id);
      const answered = new Promise<string>((resolve) => waiting.set(name, resolve));
      const asked = put(id, question);
      try {
        await within(timing.ring, asked, `Redis did not take the question within ${timing.ring / 1000} seconds`, signal);
        const patience = withinMs + timing.probeAnswer;
        return answerIn(await within(patience, answered, `no worker of ${backend} answered within ${patience / 1000} seconds; see whether its workers are well`, signal));
      } finally {
        waiting.delete(name);
        ears.unsubscribe(name).catch(trouble);
        // Whoever is at it already goes on: then this fails, and the job goes by itself at its end. If it was answered, it is gone.
        asked.then((job) => job.remove()).catch(() => {});
      }
    },
    close: async () => {
      await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
      redis.disconnect();
      ears.disconnect();
    },
  };
}

/** Throws `transient` when the worker could not look, or said what nobody understands. */
function answerIn(message: string): ProbeAnswer {
  const reply = z.string().transform(parsed).pipe(probeReply).safeParse(message);
  if (!reply.success) throw transient("probe_failed", "a worker answered in a form that this version does not know", { cause: reply.error });
  if ("fault" in reply.data) throw transient("probe_failed", reply.data.fault);
  return reply.data.answer;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What `wanted` gives, or `probe_failed` after so many milliseconds or whatever goes wrong; `cancelled` when `signal` fires. */
async function within<T>(ms: number, wanted: Promise<T>, late: string, signal: AbortSignal | undefined): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let leave = (): void => {};
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(transient("probe_failed", late)), ms);
    leave = () => reject(cancelled("call_cancelled", "nobody wants the answer any more"));
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted === true) leave();
  });
  const told = wanted.catch((error: unknown) => {
    throw transient("probe_failed", `the question could not be put: ${reasonOf(error)}`, { cause: error });
  });
  try {
    return await Promise.race([told, end]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}
