import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isId } from "../../../src/domain/ids.ts";
import type { Places } from "../fleet/fleet.ts";
import type { Watched } from "./evidence.ts";

/** Looks at directories four times a second and at all processes every two seconds. */
export function watch(places: Places, secret: string): { readonly watched: Watched; stop(): void } {
  const resources = new Map<string, { root: string; bornAt: number }>();
  const sandboxes = new Map<string, number>();
  const alive = new Map<string, { at: number; command: string }>();
  const exposed: string[] = [];
  let looks = 0;

  const look = (): void => {
    looks += 1;
    for (const root of Object.values(places.roots)) {
      for (const name of namesIn(root)) {
        if (!isId(name)) continue;
        const path = join(root, name);
        const seen = resources.has(name) ? undefined : attempt(() => statSync(path));
        if (seen?.isDirectory() === true) resources.set(name, { root, bornAt: seen.birthtimeMs });
        if (root === places.roots.fake) sandboxes.set(name, Math.max(sandboxes.get(name) ?? 0, namesIn(path).filter((n) => /^\d+$/.test(n)).length));
      }
    }
    if (looks % 8 !== 0) return;
    for (const { pid, command, environ } of processesNow()) {
      if (command.includes(secret)) exposed.push(`process ${pid}: ${command.slice(0, 200)}`);
      const cookie = cookieIn(environ);
      if (cookie !== null) alive.set(cookie, { at: Date.now(), command: `${pid} ${command.slice(-120)}` });
    }
  };
  const timer = setInterval(look, 250);
  return {
    watched: {
      resources,
      sandboxes,
      alive,
      exposed,
      get looks() {
        return looks;
      },
    },
    stop: () => clearInterval(timer),
  };
}

export interface ProcessNow {
  readonly pid: number;
  readonly command: string;
  readonly environ: string;
}

/** Living processes; zombies have neither arguments nor environment. */
export function processesNow(): ProcessNow[] {
  const now: ProcessNow[] = [];
  for (const name of namesIn("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environ = attempt(() => readFileSync(`/proc/${name}/environ`, "latin1")) ?? "";
    const command = attempt(() => readFileSync(`/proc/${name}/cmdline`, "utf8"))?.replaceAll("\0", " ") ?? "";
    if (command !== "") now.push({ pid: Number(name), command, environ });
  }
  return now;
}

/** The execution whose command, or whose child, a process is. */
export const cookieIn = (environ: string): string | null => /(?:^|\0)LEASEHOLD_EXECUTION=([0-9a-f-]{36})/.exec(environ)?.[1] ?? null;

export const namesIn = (directory: string): string[] => attempt(() => readdirSync(directory)) ?? [];

export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
