import { z } from "zod";
import { driverKinds } from "../domain/driver-kind.ts";
import { environmentVariables } from "../domain/request.ts";

/** What makes an environment. The driver's own schema checks `config`. */
export const environmentRequest = z.strictObject({
  name: z
    .string()
    .max(100)
    .regex(/^[^\p{C}\p{Z}](?:[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\p{Z}])?$/u, "must be something printable, without spaces at its ends"),
  description: z.string().max(1000).refine((text) => !text.includes("\0"), "contains a NUL character; remove it").optional(),
  driver: z.enum(driverKinds, `must be one of ${driverKinds.join(", ")}`),
  config: z.record(z.string(), z.unknown()).default({}),
  envVars: environmentVariables.default({}),
  maxLeases: z.number().int().min(1).max(1_000_000).optional(),
  metadata: z.record(z.string().max(200), z.json()).default({}),
});
/** An environment that is not saved yet, to look at. */
export const unsavedEnvironment = environmentRequest.pick({ driver: true, config: true });
export type EnvironmentRequest = z.output<typeof environmentRequest>;

/** The backend that serves such an environment: its driver, and where that has several providers, which. */
export function backendFor({ driver, config }: Pick<EnvironmentRequest, "driver" | "config">): string {
  if (driver === "sandbox") return `sandbox-${named(config["provider"])}`;
  if (driver === "plugin") return `plugin-${named(config["key"])}`;
  return driver;
}

const named = (value: unknown): string => (typeof value === "string" ? value.slice(0, 100) : "(none named)");
