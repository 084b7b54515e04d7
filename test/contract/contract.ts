import { afterAll, describe, expect, it } from "vitest";
import { openBench } from "./bench.ts";
import { acquire } from "./groups/acquire.ts";
import { deaths } from "./groups/deaths.ts";
import { declarations } from "./groups/declarations.ts";
import { files } from "./groups/files.ts";
import { input } from "./groups/input.ts";
import { inventory } from "./groups/inventory.ts";
import { kill } from "./groups/kill.ts";
import { life } from "./groups/life.ts";
import { outcomes } from "./groups/outcomes.ts";
import { outputs } from "./groups/output.ts";
import { probe } from "./groups/probe.ts";
import { release } from "./groups/release.ts";
import { secrets } from "./groups/secrets.ts";
import { starting } from "./groups/starting.ts";
import type { MakeSubject } from "./subject.ts";

export interface Extent {
  /** Whether every verb is tried with a process that dies before each of its effects: that takes half of the time. */
  readonly withDeaths?: boolean;
}

/** Everything a driver promises, tried from outside. To be awaited at the top of a test file: what is declared decides what is tried. */
export async function driverContract(make: MakeSubject, { withDeaths = true }: Extent = {}): Promise<void> {
  const subject = await make();
  const driver = await subject.open(subject.installation);
  const bench = openBench(subject, driver);

  describe(subject.name, () => {
    afterAll(async () => {
      await driver.close();
      await subject.close();
    });

    it("begins with an empty provider", async () => expect(await subject.remains()).toEqual([]));
    declarations(bench);
    probe(bench);
    acquire(bench);
    life(bench);
    release(bench);
    inventory(bench);
    outcomes(bench);
    input(bench);
    files(bench);
    outputs(bench);
    starting(bench);
    kill(bench);
    secrets(bench);
    if (withDeaths) deaths(bench);
    it("I2: ends with an empty provider", () => bench.clear());
  });
}
