import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Leasehold } from "../../client/index.ts";
import { readConfig } from "../../config.ts";
import { openLog } from "../../log.ts";
import { startFleet } from "../up/fleet.ts";
import { sandboxBackend } from "../up/sandbox.ts";
import { follow } from "./follow.ts";
import { interrupt } from "./interrupt.ts";
import { leftBehind } from "./left-behind.ts";
import { phaseTable } from "./phase-table.ts";
import { exampleProject, rehearse } from "./project.ts";
import { say, step } from "./say.ts";

/**
 * A fleet of its own, two real runs, a worker killed in the middle, and the proof that nothing was lost and nothing is left.
 * Exits 0 only if all of it held.
 */
async function demo(): Promise<boolean> {
  const dataDir = await mkdtemp(join(tmpdir(), "leasehold-demo-"));
  const project = exampleProject();
  const config = { ...readConfig(), dataDir, databaseUrl: undefined, redisUrl: undefined, port: 0, workspacePaths: [project] };
  step("A fleet on this machine: Postgres, Redis, API, two workers, reaper");
  const fleet = await startFleet(config, { workers: 2, progress: (what) => say(what) }, openLog("silent", "demo"));
  process.once("SIGINT", () => void fleet.stopServices().then(() => process.exit(130)));
  try {
    say(`API ${fleet.url}, workers ${fleet.workers.map((w) => w.pid).join(" and ")}`);
    say(fleet.runsGo.backend === sandboxBackend ? "Each run gets a sandbox: its own processes and files, and no network" : "Runs are processes of this user, without a sandbox");
    const leasehold = new Leasehold({ url: fleet.url, token: fleet.token });

    step("Two runs of the example's own tests, each in its own copy of examples/roman");
    const request = { command: rehearse, workspace: { kind: "host_path" as const, path: project }, timeoutMs: 60_000 };
    const runs = await Promise.all([leasehold.runs.create(request), leasehold.runs.create(request)]);
    const follows = runs.map((run, i) => follow(leasehold, run.id, `run ${i + 1}`));

    await follows[0]?.printed(6);
    step("SIGKILL to the worker that executes run 1, in the middle");
    const took = await interrupt(fleet, runs[0]?.id ?? "");
    say(`worker ${took.killed} is dead; worker ${took.heir} follows the same command, ${(took.afterMs / 1000).toFixed(1)} s later, from byte ${took.fromByte}`);

    const digests = await Promise.all(follows.map((f) => f.whole));
    step("Every byte is there: the suite's last line is the digest of all that it printed before");
    digests.forEach((d, i) => say(`run ${i + 1}: ${d.bytes} bytes, said ${d.said.slice(0, 16)}…, kept ${d.kept.slice(0, 16)}…  ${d.said === d.kept ? "equal" : "DIFFERENT"}`));

    const ended = await Promise.all(runs.map((run) => leasehold.runs.get(run.id)));
    step("Where the time went");
    say(phaseTable(ended));

    step("What is left");
    const left = await leftBehind(fleet);
    say(left.length === 0 ? "no open lease, no process, no directory" : left.join("\n"));
    return left.length === 0 && digests.every((d) => d.said === d.kept) && ended.every((run) => run.outcome?.kind === "exited" && run.outcome.code === 0);
  } finally {
    await fleet.stopServices();
    await rm(dataDir, { recursive: true, force: true });
  }
}

const began = performance.now();
const held = await demo();
say(`\n${held ? "All of it held" : "SOMETHING DID NOT HOLD"}, in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
process.exitCode = held ? 0 : 1;
