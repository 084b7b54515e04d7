import { fork } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { childEnvironment } from "../../src/config.ts";
import { eventually } from "../support/eventually.ts";
import { leftovers } from "../support/fleet.ts";
import { startStack } from "../support/stack.ts";

/** Every step is in it: the workspace of the run is a copy of this. */
const project = fileURLToPath(new URL("../../examples/roman", import.meta.url));
const entry = fileURLToPath(new URL("../support/dying-worker.mjs", import.meta.url));

/** What a worker does by which it can be told apart whether it died before or after it. */
type Effect = "statement" | "before-spawn" | "after-spawn";

/**
 * A run whose only worker dies at its nth effect; then another one comes. Gives how many effects there were, if the
 * worker lived to the end.
 */
async function survives(effect: Effect, n: number): Promise<"died" | number> {
  const stack = await startStack({ workspacePaths: [project] });
  const starts = join(stack.config.dataDir, "starts");
  const mortal = fork(entry, [effect, String(n)], { env: childEnvironment(stack.config, { PATH: process.env["PATH"] }), stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const gone = new Promise<void>((resolve) => mortal.once("exit", () => resolve()));
  let effects = 0;
  try {
    await new Promise<void>((resolve) => {
      mortal.on("message", (news: { ready?: boolean; count?: number }) => {
        effects = news.count ?? effects;
        if (news.ready === true) resolve();
      });
    });
    const run = await stack.submit({ command: ["sh", "-c", 'echo started >>"$STARTS"; echo out; sleep 0.1; echo end'], env: { STARTS: starts }, workspace: { kind: "host_path", path: project } });
    const lived = stack.ended(run.id, 20_000).then(() => true);
    const died = await Promise.race([gone.then(() => true), lived.then(() => false)]);
    if (died) await stack.worker();
    await lived;
    const { run: ended, lease, execution } = await stack.situation(run.id);
    const what = `${effect} ${n}`;
    expect(ended.outcome, what).toEqual({ kind: "exited", code: 0 });
    expect(await readFile(starts, "utf8"), what).toBe("started\n");
    expect(execution, what).toMatchObject({ state: "final", stdoutBytes: 8, outputComplete: true });
    expect(lease?.state, what).toBe("released");
    await eventually(async () => expect(await leftovers(stack.config.dataDir), what).toEqual([]));
    return died ? "died" : effects;
  } finally {
    mortal.kill("SIGKILL");
    await gone;
    await stack.close();
  }
}

/** Tries every point, some at a time: most of the time passes with waiting for the dead worker's claim to lapse. */
async function everyPoint(effect: Effect): Promise<number> {
  const abreast = 12;
  for (let from = 1; ; from += abreast) {
    const results = await Promise.all(Array.from({ length: abreast }, (_, i) => survives(effect, from + i)));
    const beyond = results.findIndex((r) => r !== "died");
    if (beyond >= 0) return from + beyond - 1;
  }
}

describe("I1, I2, I4, I5, I6, I7: a run survives its worker's death at every point", () => {
  it("before every statement, but for heartbeats, claim extensions and looking for a lease", async () => {
    expect(await everyPoint("statement")).toBeGreaterThan(20);
  }, 180_000);

  it("before every process it starts", async () => {
    expect(await everyPoint("before-spawn")).toBeGreaterThan(3);
  }, 60_000);

  it("right after every process it starts", async () => {
    expect(await everyPoint("after-spawn")).toBeGreaterThan(3);
  }, 60_000);
});
