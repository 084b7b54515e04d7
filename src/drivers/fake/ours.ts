import { refused } from "../../domain/errors.ts";
import { newId } from "../../domain/ids.ts";
import type { Labels } from "../driver.ts";
import type { Sandbox } from "./provider.ts";

/** A lease's labels as the provider keeps them. `holder` names who the lease is for: its run, else a name of its own. */
export const toLabels = ({ installation, company, run }: Labels): Record<string, string> => ({
  installation,
  company,
  holder: run ?? newId(),
  ...(run === null ? {} : { run }),
});

export const fromLabels = (sandbox: Sandbox): Labels => ({
  installation: sandbox.labels["installation"] ?? "",
  company: sandbox.labels["company"] ?? "",
  run: sandbox.labels["run"] ?? null,
});

/** The provider's name for a lease, the same for as long as there is the sandbox. */
export const providerLeaseId = (sandbox: Sandbox): string => `sandbox://fake/${sandbox.labels["holder"] ?? "unknown"}/${sandbox.id}`;

/** Throws `refused` when one of them is not of this installation, or not of this company where that is given. */
export function checkOurs(found: readonly Sandbox[], owner: Pick<Labels, "installation"> & Partial<Labels>): void {
  const foreign = found.find(({ labels }) => labels["installation"] !== owner.installation || (owner.company !== undefined && labels["company"] !== owner.company));
  if (foreign === undefined) return;
  throw refused("resource_foreign", `sandbox ${foreign.id} has the name of our lease and not our labels; it is left alone. Look whose it is and remove it`);
}
