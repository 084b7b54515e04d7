import { text } from "node:stream/consumers";
import type { Config } from "../config.ts";
import { exitOf } from "./errors.ts";
import { answer, answerJson, fail } from "./print.ts";
import type { LongRunning } from "./program.ts";

/** Each of these is a process of the fleet; what it needs is loaded when it is called. */
const configuration = async () => (await import("../config.ts")).readConfig();

/**
 * Runs a process of the fleet to its end, and then leaves, whatever would still keep this process alive: a client that waits
 * for a server that is gone. Whoever started us over IPC is told why we could not start.
 */
async function untilItEnds(work: (config: Config) => Promise<void>): Promise<void> {
  try {
    await work(await configuration());
  } catch (error) {
    const { code, message, problem } = exitOf(error);
    fail(message, problem);
    process.send?.({ failed: message });
    process.exit(code);
  }
  process.exit(0);
}

export const longRunning: LongRunning = {
  up: ({ json, ...options }) =>
    untilItEnds(async (config) => {
      const told = json === true ? { say: (message: string) => answerJson({ type: "progress", message }), ready: (facts: object) => answerJson({ type: "ready", ...facts }) } : { say: answer };
      await (await import("../app/up.ts")).runUp(config, { ...options, ...told });
    }),
  api: () => untilItEnds(async (config) => (await import("../app/api.ts")).runApi(config)),
  worker: (options) => untilItEnds(async (config) => (await import("../app/worker.ts")).runWorker(config, options)),
  reaper: () => untilItEnds(async (config) => (await import("../app/reaper.ts")).runReaper(config)),
  async migrate({ json }) {
    const config = await configuration();
    await (await import("../app/migrate.ts")).runMigrate(config);
    if (json === true) answerJson({ migrated: true });
    else answer("The database has this version's schema.");
  },
  async token({ stdin, json, ...wanted }) {
    const config = await configuration();
    const given = stdin === true ? { token: (await text(process.stdin)).trim() } : {};
    const made = await (await import("../app/token.ts")).runToken(config, { ...wanted, ...given });
    if (json === true) answerJson(made);
    else answer(made.token);
  },
};
