import { z } from "zod";
import type { SecretRefInput } from "../domain/secret.ts";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

const shown = {
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
};

export const environment = z.object(shown).meta({ id: "Environment", description: "A named, configured place where work can run" });
export type Environment = Immutable<z.output<typeof environment>>;

export const environmentWithUse = z
  .object({ ...shown, openLeases: z.int().meta({ description: "Leases there that have not ended" }) })
  .meta({ id: "EnvironmentWithUse", description: "An environment that was archived, or is active again" });
export type EnvironmentWithUse = Immutable<z.output<typeof environmentWithUse>>;

/** What `PATCH /v1/environments/:id` takes. What is left out stays; null unsets. The last three are merged (JSON Merge Patch, RFC 7396). */
export interface EnvironmentChange {
  readonly name?: string;
  readonly description?: string | null;
  readonly maxLeases?: number | null;
  /** For new leases only. May not lead to another provider. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /** For commands that are started from now on. */
  readonly envVars?: Readonly<Record<string, string | SecretRefInput | null>> | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

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
