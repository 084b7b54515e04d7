import { setTimeout as lasts } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestFleetOn, type TestFleet } from "../support/fleet.ts";
import { ownServices, type OwnServices } from "../support/own-services.ts";
import { Living, nothingLeft, printed, provenRun } from "../support/ticker.ts";

/** The longest outage, shortened, and what is beaten with it. The real ones are half an hour and half a minute. */
const watchdog = 20_000;
const leaseRenew = 500;
const env = { TEST_TIMING: JSON.stringify({ watchdog, leaseRenew }) };
let fleet: TestFleet & { readonly services: OwnServices };

beforeAll(async () => {
  fleet = await startTestFleetOn(ownServices());
  await Promise.all([fleet.reaper(env), fleet.worker("local", { env })]);
});
afterAll(() => fleet.close());

describe("I8, I13: the longest outage that running commands survive", () => {
  it("is the watchdog's: below it the command goes on and is followed, above it it is ended, and that is told", async () => {
    const { postgres, redis } = fleet.services;
    const living = await Living.start(fleet);
    const worker = await fleet.executor(living.runId);

    for (const server of [postgres, redis]) server.signal("SIGKILL");
    await lasts(0.6 * watchdog);
    await Promise.all([postgres.start(), redis.start()]);
    const { execution } = await fleet.situation(living.runId);
    await fleet.until(living.runId, printed((execution?.stdoutBytes ?? 0) + 1));
    await living.end();
    await provenRun(fleet, living.runId);

    const doomed = await Living.start(fleet);
    for (const server of [postgres, redis]) server.signal("SIGKILL");
    worker.signal("SIGSTOP");
    await lasts(watchdog + 3 * leaseRenew);
    await Promise.all([postgres.start(), redis.start()]);
    worker.signal("SIGCONT");
    const ended = await fleet.ended(doomed.runId);
    expect(ended.run.outcome).toEqual({ kind: "lease_ended" });
    expect(ended.execution).toMatchObject({ state: "final", killed: expect.stringMatching(/^(swept|unverified)$/) as string });
    await nothingLeft(fleet);
  });
});
