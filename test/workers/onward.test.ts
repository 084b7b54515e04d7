import type { Job } from "bullmq";
import { beforeEach, describe, expect, it } from "vitest";
import type { QueueBells } from "../../queues/bells.ts";
import type { StepBell } from "../../src/domain/bells.ts";
import type { Advanced } from "../../src/runs/advance.ts";
import { knowingItsJob, ofNoJob, onwardBells } from "../../workers/onward.ts";

const next: StepBell = { verb: "release", backend: "local", host: null, id: "lease", offer: 2 };
const parent = { id: "parent", queueKey: "{leasehold}:runs" };

let rung: string[];
let advances: string[];
let underFails: boolean;
let deciding: () => Promise<Advanced>;
beforeEach(() => {
  rung = [];
  advances = [];
  underFails = false;
  deciding = async () => ({ ended: false, steps: [next] });
});

const plain: QueueBells = {
  heard: async () => true,
  run: async (id, cause) => void rung.push(`run ${id} ${cause}`),
  moved: async (id) => void rung.push(`moved ${id}`),
  step: async ({ verb }) => void rung.push(`step ${verb}`),
  stepUnder: async ({ id, queue }, { verb }) => {
    rung.push(`${verb} under ${queue} ${id}`);
    return !underFails;
  },
  output: async () => {},
  execution: async () => {},
  reply: async () => {},
  now: async () => 0,
  close: async () => {},
};

/** Rings run `id` while a job is under way, as a use case does. */
async function ringIn(job: Partial<Pick<Job, "id" | "name" | "parent">>, id = "mine"): Promise<void> {
  const bells = onwardBells(plain, async (run) => {
    advances.push(run);
    return deciding();
  });
  await knowingItsJob(async () => bells.run(id, "done"))(job as Job);
}

describe("a worker that has done a step", () => {
  it("decides the next one and rings it in the same tree", async () => {
    await ringIn({ id: "execute-x-0-parent", name: "execute", parent });
    expect(advances).toEqual(["mine"]);
    expect(rung).toEqual(["release under {leasehold}:runs parent", "moved mine"]);
  });

  it("rings the step by itself where the tree is gone", async () => {
    underFails = true;
    await ringIn({ id: "execute-x-0-parent", name: "execute", parent });
    expect(rung).toEqual(["release under {leasehold}:runs parent", "step release", "moved mine"]);
  });

  it("rings the run when deciding fails, whatever it was: who is rung meets it again", async () => {
    deciding = () => Promise.reject(new Error("the database is away"));
    await ringIn({ id: "execute-x-0-parent", name: "execute", parent });
    expect(rung).toEqual(["run mine done"]);
  });

  it.each([
    ["a bell that is in no tree", { id: "7", name: "execute" }],
    ["an acquire that was rung for another run", { id: "acquire-another-parent", name: "acquire", parent }],
  ])("rings the run from %s", async (_what, job) => {
    await ringIn(job);
    expect(advances).toEqual([]);
    expect(rung).toEqual(["run mine done"]);
  });

  it("rings the run of what a job has set off beside itself: it is of another tree", async () => {
    const bells = onwardBells(plain, () => deciding());
    await knowingItsJob(async () => ofNoJob(() => bells.run("another", "done")))({ id: "execute-x-0-parent", name: "execute", parent } as Job);
    expect(rung).toEqual(["run another done"]);
  });

  it("decides after an acquire for the run that it was rung for", async () => {
    await ringIn({ id: "acquire-mine-parent", name: "acquire", parent });
    expect(advances).toEqual(["mine"]);
  });
});
