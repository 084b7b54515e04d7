import { answer, answerJson } from "./print.ts";
import type { LongRunning } from "./program.ts";

/** Each of these is a process of the fleet; what it needs is loaded when it is called. */
const configuration = async () => (await import("./connect.ts")).configuration();

export const longRunning: LongRunning = {
  async up(options) {
    const config = await configuration();
    await (await import("../app/up.ts")).runUp(config, { ...options, say: answer });
  },
  async api() {
    const config = await configuration();
    await (await import("../app/api.ts")).runApi(config);
  },
  async worker(options) {
    const config = await configuration();
    await (await import("../app/worker.ts")).runWorker(config, options);
  },
  async reaper() {
    const config = await configuration();
    await (await import("../app/reaper.ts")).runReaper(config);
  },
  async migrate({ json }) {
    const config = await configuration();
    await (await import("../app/migrate.ts")).runMigrate(config);
    if (json === true) answerJson({ migrated: true });
    else answer("The database has this version's schema.");
  },
};
