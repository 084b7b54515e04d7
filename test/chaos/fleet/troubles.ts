import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openRingingConnection } from "../../../queues/connection.ts";
import type { ChaosOptions, TroubleKind } from "../options.ts";
import type { Random } from "../random.ts";
import type { ChaosFleet } from "./fleet.ts";
import type { Member } from "./member.ts";

/** One thing that was done to the fleet. Times are milliseconds since 1970. */
export interface Trouble {
  readonly kind: TroubleKind;
  readonly what: string;
  readonly from: number;
  to: number;
}

export interface Troubles {
  readonly done: readonly Trouble[];
  /** Makes no more, and wakes whoever was stopped; settles when nobody is stopped any more. */
  stop(): Promise<void>;
}

const weights: Record<TroubleKind, number> = { kill: 8, stop: 5, term: 4, redis: 2, flush: 1, postgres: 1 };

/** Harms the fleet, a thing after the other and several at once, as the seed says, until it is told to stop. */
export function makeTrouble(fleet: ChaosFleet, options: ChaosOptions, random: Random, say: (trouble: Trouble) => void): Troubles {
  const over = new AbortController();
  const done: Trouble[] = [];
  const under = new Set<Promise<void>>();
  const allowed = Object.fromEntries(options.only.map((kind) => [kind, weights[kind]])) as Partial<Record<TroubleKind, number>>;

  const make = (kind: TroubleKind, what: string, act: () => Promise<void>): void => {
    const trouble: Trouble = { kind, what, from: Date.now(), to: Number.POSITIVE_INFINITY };
    done.push(trouble);
    say(trouble);
    const acting = act().finally(() => {
      trouble.to = Date.now();
      under.delete(acting);
    });
    under.add(acting);
  };

  const one = (): void => {
    const kind = random.weighted(allowed);
    switch (kind) {
      case "kill":
      case "term": {
        const member = victim(fleet, random);
        const signal = kind === "kill" ? "SIGKILL" : "SIGTERM";
        if (member.signal(signal)) make(kind, `${signal} ${member.name} (${member.pid})`, async () => {});
        return;
      }
      case "stop": {
        const member = victim(fleet, random);
        // Some of them longer than a claim lives: somebody else has the work when it wakes.
        const ms = random.chance(0.6) ? random.between(9000, options.short ? 10_500 : 20_000) : random.between(200, 5000);
        const { pid } = member;
        if (pid === undefined || !member.signal("SIGSTOP")) return;
        make(kind, `SIGSTOP ${member.name} (${pid}) for ${ms} ms`, async () => {
          await quietly(sleep(ms, undefined, { signal: over.signal }));
          wake([pid]);
        });
        return;
      }
      case "redis": {
        if (random.chance(0.5)) return make(kind, `SIGKILL redis (${fleet.services.redis.pid})`, async () => end(fleet.services.redis.pid, "SIGKILL"));
        return freeze(kind, "redis", [fleet.services.redis.pid], random.between(500, 6000));
      }
      case "flush":
        return make(kind, "FLUSHALL redis", () => flush(fleet));
      case "postgres": {
        const { pid } = fleet.services.postgres;
        if (random.chance(0.5)) return make(kind, `SIGKILL postgres (${pid})`, async () => end(pid, "SIGKILL"));
        return freeze(kind, "postgres", [pid, ...childrenOf(pid)], random.between(500, 6000));
      }
    }
  };

  const freeze = (kind: TroubleKind, name: string, pids: readonly number[], ms: number): void =>
    make(kind, `SIGSTOP ${name} (${pids[0]}) for ${ms} ms`, async () => {
      for (const pid of pids) end(pid, "SIGSTOP");
      await quietly(sleep(ms, undefined, { signal: over.signal }));
      wake(pids);
    });

  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const pause = options.storm === null ? (options.short ? random.between(300, 1500) : random.between(300, 5000)) : options.storm.everyMs;
      await quietly(sleep(pause, undefined, { signal: over.signal }));
      if (over.signal.aborted) return;
      if (options.storm === null) one();
      else killWorker();
    }
  };
  // The one that was there longest, but never the only one that is: on a machine so busy that workers are killed faster than
  // they come up, nothing would be shown.
  const killWorker = (): void => {
    const up = fleet.members.filter((m) => m.role === "worker" && m.readySince !== null).toSorted((a, b) => (a.readySince ?? 0) - (b.readySince ?? 0));
    const [member] = up;
    if (member !== undefined && up.length > 1 && member.signal("SIGKILL")) make("kill", `SIGKILL ${member.name} (${member.pid})`, async () => {});
  };
  const looping = loop();
  return {
    done,
    stop: async () => {
      over.abort();
      await looping;
      await Promise.all(under);
    },
  };
}

/** Workers more often than others. */
function victim(fleet: ChaosFleet, random: Random): Member {
  const role = random.weighted({ worker: 7, reaper: 2, api: 1 });
  return random.pick(fleet.members.filter((m) => m.role === role));
}

async function flush(fleet: ChaosFleet): Promise<void> {
  const redis = openRingingConnection({ url: fleet.services.redisUrl, prefix: "" }, () => {});
  try {
    for (let tries = 0; tries < 20; tries++) {
      if (await redis.flushall().then(() => true, () => false)) return;
      await sleep(50);
    }
  } finally {
    redis.disconnect();
  }
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** The children may have ended meanwhile, and their pids may be others': a SIGCONT does nothing to who was not stopped. */
const wake = (pids: readonly number[]): void => pids.forEach((pid) => end(pid, "SIGCONT"));

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
      } catch {
        return false;
      }
    });
}

const quietly = (waiting: Promise<unknown>): Promise<unknown> => waiting.catch(() => {});
