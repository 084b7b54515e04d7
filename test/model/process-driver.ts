import type { Driver } from "../../src/drivers/driver.ts";
import type { ExecutionPlace } from "../../src/session/execution-place.ts";
import type { Session } from "../../src/session/session.ts";
import type { Process } from "./process.ts";

/** Who watches what drivers are asked for. */
export interface Watch {
  /** Before a call that may create. */
  acquiring(key: string): Promise<void>;
  acquired(key: string, fence: number): void;
  /** A command began; it was not there before. */
  started(key: string, execution: string, fence: number): void;
}

/** A driver as one process has it: each of its calls, and of its sessions', is an effect. */
export function processDriver(driver: Driver, process: Process, watch: Watch): Driver {
  const call = <T>(what: string, act: () => Promise<T>): Promise<T> => process.effect("driver", what, act);
  return {
    ...driver,
    acquire: (context, request) =>
      call("driver acquire", async () => {
        await watch.acquiring(request.key);
        const made = await driver.acquire(context, request);
        watch.acquired(request.key, context.fence);
        return made;
      }),
    extend: (context, resource, expiresAt) => call("driver extend", () => driver.extend(context, resource, expiresAt)),
    release: (context, resource) => call("driver release", () => driver.release(context, resource)),
    session: (context, resource) => call("driver session", async () => processSession(await driver.session(context, resource), resource.key, call, watch)),
  };
}

type Call = <T>(what: string, act: () => Promise<T>) => Promise<T>;

function processSession(session: Session, key: string, call: Call, watch: Watch): Session {
  const { executions } = session;
  if (executions === null) throw new Error("the model's sandboxes are instant ones");
  return { ...session, executions: (id) => processPlace(executions(id), key, id, call, watch) };
}

function processPlace(place: ExecutionPlace, key: string, id: string, call: Call, watch: Watch): ExecutionPlace {
  return {
    ...place,
    start: (caller, spec) =>
      call("start", async () => {
        const began = await place.start(caller, spec);
        if (began === "started") watch.started(key, id, caller.fence);
        return began;
      }),
    plant: (caller) => call("plant", () => place.plant(caller)),
    status: () => call("status", () => place.status()),
    follow: (caller, from) => call("follow", () => place.follow(caller, from)),
    kill: (caller, graceMs) => call("kill", () => place.kill(caller, graceMs)),
    beat: (caller) => call("beat", () => place.beat(caller)),
  };
}
