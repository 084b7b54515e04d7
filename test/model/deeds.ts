import { isKind } from "../../src/domain/errors.ts";
import type { RunRequestInput } from "../../src/domain/request.ts";
import { cancelExecution } from "../../src/leases/cancel-execution.ts";
import { execute } from "../../src/leases/execute.ts";
import type { WorkerFleet } from "../../src/leases/fleet.ts";
import { letLeaseGo } from "../../src/leases/let-go.ts";
import { releaseLease } from "../../src/leases/release.ts";
import { renewAdHocLease } from "../../src/leases/renew.ts";
import { requestAdHocLease } from "../../src/leases/request-ad-hoc.ts";
import { requestExecution } from "../../src/leases/request-execution.ts";
import { sweep } from "../../src/leases/sweep.ts";
import { submitRun } from "../../src/runs/accept.ts";
import { advanceRun } from "../../src/runs/advance.ts";
import { cancelRun } from "../../src/runs/cancel.ts";
import type { HostPathSource } from "../../src/runs/host-path.ts";
import { acquireNext } from "../support/acquire-next.ts";
import { realizeRun } from "../../src/runs/realize.ts";
import type { Bell } from "./bag.ts";
import { Violation } from "./violation.ts";
import { backend, type World } from "./world.ts";

/** What the processes of this world do: each a use case of the product, as a worker, a reaper or a client has it done. */

type Budget = number | null;

/** A worker hears a bell. One that lies in a host's queue is heard by that host. */
export function hear(world: World, bell: Bell, host: number, budget: Budget): Promise<void> {
  const at = bell.host ?? world.hosts[host % world.hosts.length] ?? "";
  return world.start(`${bell.verb} worker on ${world.hosts.indexOf(at)}`, at, budget, (fleet, stop) => work(fleet, bell, stop));
}

async function work(fleet: WorkerFleet, { verb, id, host }: Bell, stop: AbortSignal): Promise<void> {
  switch (verb) {
    case "run": {
      const { steps } = await advanceRun(fleet, id);
      for (const step of steps) await fleet.bells.step(step);
      return;
    }
    case "acquire":
      while (!stop.aborted && (await acquireNext(fleet, backend, host !== null)));
      return;
    case "realize":
      return realizeRun(fleet, emptyWorkspaces, id, stop);
    case "execute":
      await execute(fleet, id, stop);
      return;
    case "release":
      return releaseLease(fleet, id, stop);
  }
}

/** Instant sandboxes have no place for files: this is about the steps around putting them there. */
const emptyWorkspaces: HostPathSource = { allow: async (path) => path, publish: async () => {} };

export function reap(world: World, budget: Budget): Promise<void> {
  if (budget === null) world.pause = 0;
  return world.start("reaper", world.hosts[0] ?? "", budget, async (fleet) => void (await sweep(fleet)));
}

/** What a client asks for is answered, or refused with what is wrong; the same key gets the same answer. */
async function answered(world: World, key: string, variant: number, ask: () => Promise<string>): Promise<void> {
  const known = world.answers.get(key);
  try {
    const id = await ask();
    if (known !== undefined && known.id !== id) throw new Violation("I2", `key ${key} got ${id}, and ${known.id} before`);
    if (known !== undefined && known.variant !== variant) throw new Violation("I2", `key ${key} was taken for another request`);
    world.answers.set(key, { id, variant });
  } catch (error) {
    if (isKind(error, "invalid") && error.code === "idempotency_key_reused" && known?.variant === variant) throw new Violation("I2", `key ${key} was refused for the request it belongs to`);
    throw error;
  }
}

const client = (world: World, what: string, budget: Budget, ask: (fleet: WorkerFleet) => Promise<unknown>): Promise<void> =>
  world.start(`client ${what}`, world.hosts[0] ?? "", budget, async (fleet) => void (await ask(fleet)));

/** The variant of a request says which environment it wants, and whether it brings files. */
export function submit(world: World, key: number, variant: number, budget: Budget): Promise<void> {
  const request: RunRequestInput = {
    command: ["true"],
    environment: { project: world.environment(variant) },
    ...(variant >= world.environments.size ? { workspace: { kind: "host_path", path: "/nowhere" } } : {}),
  };
  return client(world, "submits", budget, ({ db, bells }) =>
    answered(world, `run-${key}`, variant, async () => (await submitRun({ db, bells }, world.companyId, `run-${key}`, request)).run.id),
  );
}

export function cancel(world: World, run: string, budget: Budget): Promise<void> {
  world.spoiled.add(run);
  return client(world, "cancels", budget, (parts) => cancelRun(parts, world.companyId, run));
}

export const lease = (world: World, key: number, environment: number, budget: Budget): Promise<void> =>
  client(world, "wants a lease", budget, (parts) =>
    answered(world, `lease-${key}`, environment, async () => (await requestAdHocLease(parts, world.companyId, `lease-${key}`, { environment: world.environment(environment) })).lease.id),
  );

export const exec = (world: World, leaseId: string, key: number, budget: Budget): Promise<void> =>
  client(world, "wants a command", budget, (parts) =>
    answered(world, `execution-${leaseId}-${key}`, 0, async () => (await requestExecution(parts, world.companyId, leaseId, `execution-${key}`, { command: ["true"] })).execution.id),
  );

export const renew = (world: World, leaseId: string, budget: Budget): Promise<void> => client(world, "renews", budget, ({ db }) => renewAdHocLease(db, world.companyId, leaseId));

export function letGo(world: World, leaseId: string, budget: Budget): Promise<void> {
  const run = world.now.leases.get(leaseId)?.run;
  if (run != null) world.spoiled.add(run);
  return client(world, "gives back", budget, (parts) => letLeaseGo(parts, world.companyId, leaseId));
}

export const endCommand = (world: World, execution: string, budget: Budget): Promise<void> =>
  client(world, "ends a command", budget, (parts) => cancelExecution(parts, world.companyId, execution));
