import { randomBytes } from "node:crypto";
import type { ChaosOptions } from "../options.ts";
import type { Random } from "../random.ts";
import type { Act } from "./act.ts";
import type { Task } from "./task.ts";
import type { Place, Tenant } from "./tenants.ts";

export interface Tree {
  readonly path: string;
  /** What its files say, one after the other. */
  readonly content: string;
}

export interface Plan {
  readonly task: Task;
  readonly workspace: string | null;
  /** Milliseconds after which its end is asked for. */
  readonly cancelAfterMs: number | null;
  readonly follow: boolean;
}

const minute = 60_000;

const acts = { say: 10, flood: 4, random: 4, exit: 3, signal: 2, sleep: 3, stubborn: 1, brood: 3, files: 3 } as const;

/** The nth piece of work, as the seed says; ids are new each time. */
export function planTask(random: Random, n: number, tenants: readonly Tenant[], trees: readonly Tree[], ledger: string, options: ChaosOptions): Plan {
  const tenant = random.pick(tenants);
  const place = placeFor(random, tenant);
  const kind = options.storm === null ? random.weighted(acts) : random.weighted({ say: 8, random: 2, exit: 1 });
  const tree = random.pick(trees);
  const act = actOf(random, kind, tree, place, options);
  const endless = act.kind === "sleep" || act.kind === "stubborn";
  // Who has only the queue is told no id to cancel by.
  const via = random.chance(0.25) ? "queue" : "api";
  const timesOut = endless && (random.chance(0.5) || via === "queue");
  const cancelled = via === "api" && ((endless && !timesOut) || (options.storm === null && random.chance(0.1)));
  const capped = act.kind === "flood" && random.chance(0.3);
  return {
    task: {
      id: `t${n}-${randomBytes(4).toString("hex")}`,
      tenant,
      place,
      act,
      ledger: place.kind === "sandbox" ? null : ledger,
      timeoutMs: timesOut ? random.between(1000, options.short ? 4000 : 20_000) : 20 * minute,
      outputLimit: capped ? random.between(0, 40_000) : null,
      key: `chaos-${n}-${randomBytes(6).toString("hex")}`,
      via,
      asked: random.chance(0.25) ? random.between(2, 3) : 1,
      askedAt: Date.now(),
      accepted: [],
      refused: [],
      cancelled: false,
      lease: null,
      followed: null,
    },
    workspace: act.kind === "files" ? tree.path : null,
    cancelAfterMs: cancelled ? random.between(0, options.short ? 5000 : 15_000) : null,
    follow: options.storm === null && random.chance(0.25),
  };
}

function placeFor(random: Random, tenant: Tenant): Place {
  return random.pick(tenant.places.flatMap((place) => (place.kind === "local" ? [place, place, place] : [place])));
}

function actOf(random: Random, kind: keyof typeof acts, tree: Tree, place: Place, options: ChaosOptions): Act {
  const { storm, short } = options;
  switch (kind) {
    case "say":
      if (storm !== null) return { kind, lines: random.between(1, 5), pause: random.pick([0, 0, 0.5]) };
      return random.chance(0.5) ? { kind, lines: random.between(0, 20), pause: 0 } : { kind, lines: random.between(5, short ? 15 : 60), pause: random.pick([0.2, 0.5]) };
    case "flood":
      return { kind, bytes: random.between(0, 2_000_000) };
    case "random":
      // What a sandbox makes of random bytes, nobody outside would know.
      if (place.kind === "sandbox") return { kind: "flood", bytes: random.between(0, 500_000) };
      return { kind, bytes: random.between(0, storm !== null ? 20_000 : short || random.chance(0.8) ? 1_000_000 : 20_000_000) };
    case "exit":
      return { kind, code: random.pick([0, 1, 2, 7, 126, 127, 128, 137, 255]) };
    case "signal":
      return { kind, signal: random.pick(["TERM", "KILL", "HUP", "SEGV"]) };
    case "files":
      return { kind, content: tree.content };
    default:
      return { kind };
  }
}
