import { z } from "zod";
import type { SecretRefInput } from "../domain/secret.ts";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

export const environment = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string().nullable(),
    driver: z.string(),
    backend: z.string().meta({ description: "The workers and queues that serve it" }),
    status: z.enum(["active", "archived"]),
    isDefault: z.boolean().meta({ description: "Whether runs that name no environment get this one" }),
    config: z.record(z.string(), z.unknown()),
    envNames: z.array(z.string()).meta({ description: "Names only; values are never given back" }),
    maxLeases: z.int().nullable().meta({ description: "Leases that may own a resource at once; null is unbounded" }),
    metadata: z.record(z.string(), z.unknown()),
    createdAt: iso,
    updatedAt: iso,
  })
  .meta({ id: "Environment", description: "A named, configured place where work can run" });
export type Environment = Immutable<z.output<typeof environment>>;

export const defaultEnvironment = z
  .object({ environment: environment.nullable() })
  .meta({ id: "DefaultEnvironment", description: "The environment of runs that name none; null when that is the company's local one" });
export type DefaultEnvironment = Immutable<z.output<typeof defaultEnvironment>>;

/** What `POST /v1/environments/probe` takes: an environment that is not saved. */
export interface UnsavedEnvironment {
  readonly driver: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** What `POST /v1/environments` takes. */
export interface NewEnvironment {
  readonly name: string;
  readonly description?: string;
  readonly driver: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly envVars?: Readonly<Record<string, string | SecretRefInput>>;
  readonly maxLeases?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}
