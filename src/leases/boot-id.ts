import type { Driver } from "../drivers/driver.ts";
import type { ExecutionPlace } from "../session/execution-place.ts";

const known = new WeakMap<Driver, Promise<string>>();

/** The boot id of the place. This machine's own does not change while this process lives: it is asked for once. */
export async function bootIdAt(driver: Driver, place: ExecutionPlace): Promise<string> {
  if (driver.facts.placement !== "host") return place.bootId();
  const asked = known.get(driver) ?? place.bootId();
  known.set(driver, asked);
  try {
    return await asked;
  } catch (error) {
    known.delete(driver);
    throw error;
  }
}
