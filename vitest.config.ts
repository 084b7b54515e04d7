import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/services.ts"],
    pool: "forks",
    // To load everything anew for each file costs more than most files do. Whoever changes what outlives it, changes it back.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // Much of the time is waiting: for claims to lapse, for servers to come back.
    maxWorkers: 2,
    // Of tests that say that they may run beside each other: those that mostly wait.
    maxConcurrency: 6,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A test that was skipped or left focused proves nothing.
    allowOnly: false,
    passWithNoTests: false,
  },
});
