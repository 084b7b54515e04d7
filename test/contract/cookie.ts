import { processesOf } from "../support/processes.ts";
import type { Bench } from "./bench.ts";
import type { Lease } from "./lease.ts";

/**
 * Living processes of an execution, by the cookie in their environment: seen from the place, with what a session can do
 * there; and from this machine, if that is where the place is.
 */
export async function livingAt(lease: Lease, execution: string): Promise<readonly string[]> {
  return (await lease.look(["sh", "-c", `grep -lszxF -- "LEASEHOLD_EXECUTION=$1" /proc/[0-9]*/environ; :`, "look", execution])).split("\n").filter(Boolean);
}

/** The same without the place, which is gone: null where only the place could have told. */
export const livingHere = (bench: Bench, execution: string): readonly unknown[] | null => (bench.driver.facts.placement === "host" ? processesOf(execution) : null);
