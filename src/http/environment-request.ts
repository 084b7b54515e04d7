import { z } from "zod";
import { driverKinds } from "../domain/driver-kind.ts";
import { environmentVariables } from "../domain/request.ts";

/** A name that people read and type. */
export const printableName = z
  .string()
  .max(100)
  .regex(/^[^\p{C}\p{Z}](?:[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\p{Z}])?$/u, "must be something printable, without spaces at its ends");

/** What makes an environment. The driver's own schema checks `config`. */
export const environmentRequest = z.strictObject({
  name: printableName,
  description: z.string().max(1000).refine((text) => !text.includes("\0"), "contains a NUL character; remove it").optional(),
  driver: z.enum(driverKinds, `must be one of ${driverKinds.join(", ")}`),
  config: z.record(z.string(), z.unknown()).default({}),
  envVars: environmentVariables.default({}),
  maxLeases: z.number().int().min(1).max(1_000_000).optional(),
  metadata: z.record(z.string().max(200), z.json()).default({}),
});
/** A change of one: null unsets. What holds values by name is merged, so null stands for any of them too. */
export const environmentChange = z.strictObject({
  name: environmentRequest.shape.name.optional(),
  description: environmentRequest.shape.description.nullable(),
  config: z.record(z.string(), z.unknown()).nullable().optional(),
  envVars: z.record(z.string(), z.unknown()).nullable().optional(),
  maxLeases: environmentRequest.shape.maxLeases.nullable(),
  metadata: z.record(z.string().max(200), z.json()).nullable().optional(),
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
