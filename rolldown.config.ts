import { existsSync } from "node:fs";
import { defineConfig } from "rolldown";

/**
 * What every process would otherwise load as some nine hundred files: starting one costs less than half of the time. What
 * few processes need, and what looks for its own files beside it, stays a package.
 */
const bundle = (input: Record<string, string>, dir: string) =>
  defineConfig({
    input,
    platform: "node",
    external: [/^@aws-sdk\//, /^@bull-board\//],
    output: { dir, format: "esm", chunkFileNames: "[name]-[hash].js", cleanDir: true },
  });

// Of what tsc has made, so that the program is what was checked.
const program = bundle({ leasehold: "dist/src/cli/main.js" }, "dist/bin");
// Processes of the tests' fleets are started by the hundred. Where there is only the program, as in an image, there are none.
const processesOfTests = () =>
  bundle({ "process-entry": "test/support/process-entry.mjs", mortal: "test/support/mortal.mjs", "dying-reconciler": "test/support/dying-reconciler.mjs" }, "dist/test/bin");

export default [program, ...(existsSync("test") ? [processesOfTests()] : [])];
