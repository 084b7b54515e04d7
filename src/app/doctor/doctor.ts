import { join } from "node:path";
import type { Config } from "../../config.ts";
import { readOwner } from "../../embedded/ownership.ts";
import { readIfThere } from "../../embedded/private-file.ts";
import { type Check, type Finding, findings } from "./finding.ts";
import { type Address, fleetChecks } from "./fleet.ts";
import { driverChecks, machineChecks } from "./machine.ts";
import { serviceChecks } from "./services.ts";

/** Looks for what is most often wrong, and says what to do about each. Changes nothing but a key in Redis that shows that it can be written. */
export async function examine(config: Config): Promise<Finding[]> {
  return findings([...machineChecks(config), ...serviceChecks(config), ...(await apiChecks(config)), ...driverChecks(config)]);
}

async function apiChecks(config: Config): Promise<Check[]> {
  const address = await addressOf(config);
  if (address !== undefined) return fleetChecks(address);
  const none: Finding = { subject: "fleet", state: "fault", says: `none runs on this machine with data in ${config.dataDir}`, remedy: "leasehold up, or LEASEHOLD_URL and LEASEHOLD_TOKEN of another" };
  return [{ subject: "fleet", remedy: "", look: async () => [none] }];
}

/** The configured API, or that of the fleet on this machine. What cannot be read is no fleet of ours. */
async function addressOf({ url, token, dataDir }: Config): Promise<Address | undefined> {
  if (url !== undefined) return { url, token };
  const owner = await readOwner(dataDir).catch(() => undefined);
  if (owner?.url === undefined) return undefined;
  return { url: owner.url, token: token ?? (await readIfThere(join(dataDir, "token")).catch(() => undefined))?.trim() };
}
