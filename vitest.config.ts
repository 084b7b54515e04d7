import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/services.ts"],
    pool: "forks",
    // Much of the time is waiting: for claims to lapse, for servers to come back.
    maxWorkers: 3,
    // Of tests that say that they may run beside each other: those that mostly wait.
    maxConcurrency: 10,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A test that was skipped or left focused proves nothing.
    allowOnly: false,
    passWithNoTests: false,
  },
});
