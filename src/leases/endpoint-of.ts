import { transient } from "../domain/errors.ts";
import type { Driver } from "../drivers/driver.ts";

/**
 * The identity of the place that a driver works at, asked of the place; null where the driver has no inventory. Throws
 * `transient` when it cannot be told, also when the place has not answered within the time of a driver's call.
 */
export async function endpointOf(driver: Pick<Driver, "inventory" | "provider" | "facts">): Promise<string | null> {
  if (driver.inventory === null) return null;
  const { callTimeoutMs } = driver.facts;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(transient("provider_timeout", `${driver.provider} did not say within ${callTimeoutMs} ms which place it is`)), callTimeoutMs);
  });
  try {
    return await Promise.race([driver.inventory.endpoint(), late]);
  } finally {
    clearTimeout(timer);
  }
}
