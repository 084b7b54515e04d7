import type { Lease } from "../db/leases.ts";
import type { Fleet } from "./fleet.ts";

/** Rings whoever goes on after a lease was moved from outside: who releases it, and its run. */
export async function ringMoved({ bells }: Pick<Fleet, "bells">, lease: Lease): Promise<void> {
  if (lease.state === "releasing") {
    await bells.step({ verb: "release", backend: lease.backend, host: lease.host, id: lease.id, offer: lease.fence });
  }
  if (lease.runId !== null) await bells.run(lease.runId, `lease-${lease.state}-${lease.fence}`);
}
