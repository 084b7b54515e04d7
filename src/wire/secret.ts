import { z } from "zod";
import { secretPurposes, secretStatuses } from "../domain/secret.ts";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

const summary = {
  id: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  status: z.enum(secretStatuses),
  store: z.string().meta({ description: "`sealed` when its value is kept here, else the store outside that has it" }),
  path: z.string().nullable().meta({ description: "Where it is in that store" }),
  key: z.string().nullable().meta({ description: "Which field of what is there" }),
  version: z.int().nullable().meta({ description: "The latest; null when a store outside knows" }),
  environmentId: z.uuid().nullable().meta({ description: "The environment into whose config the value was pasted" }),
  field: z.string().nullable().meta({ description: "The field of that config" }),
  createdAt: iso,
  updatedAt: iso,
};

export const secretSummary = z.object(summary).meta({ id: "SecretSummary", description: "A secret without its value, which is never given back" });
export type SecretSummary = Immutable<z.output<typeof secretSummary>>;

export const secretUse = z.object({ environmentId: z.uuid(), environment: z.string(), field: z.string() }).meta({ id: "SecretUse", description: "Where an environment refers to a secret" });
export type SecretUse = Immutable<z.output<typeof secretUse>>;

export const secret = z
  .object({
    ...summary,
    versions: z.array(z.object({ version: z.int(), createdAt: iso })).meta({ description: "Oldest first; empty when a store outside knows" }),
    uses: z.array(secretUse),
    openLeases: z.int().meta({ description: "Leases that have not ended and were given it: they keep it" }),
  })
  .meta({ id: "Secret", description: "A secret, who refers to it, and how many have it; never its value" });
export type Secret = Immutable<z.output<typeof secret>>;

export const secretAccess = z
  .object({
    id: z.uuid(),
    version: z.int().nullable().meta({ description: "Null when a store outside knows" }),
    leaseId: z.uuid().nullable().meta({ description: "Null for a look at a place" }),
    runId: z.uuid().nullable().meta({ description: "Null in an ad-hoc lease" }),
    purpose: z.enum(secretPurposes).meta({ description: "To reach the place, to be given to a command, or to look at a place" }),
    who: z.string().meta({ description: "The process that asked" }),
    at: iso,
  })
  .meta({ id: "SecretAccess", description: "Who was given a secret, what for and when: one for each lease, version and purpose" });
export type SecretAccess = Immutable<z.output<typeof secretAccess>>;

export const secretStore = z
  .object({ name: z.string(), type: z.enum(["env", "file", "vault", "aws"]), paths: z.array(z.string()).meta({ description: "What the company may refer to there; `*` stands for anything" }) })
  .meta({ id: "SecretStore", description: "A store outside that the operator lets the company read" });
export type SecretStore = Immutable<z.output<typeof secretStore>>;

export const masterKey = z
  .object({
    id: z.string(),
    newest: z.boolean().meta({ description: "Whether it is the one that is sealed with" }),
    values: z.int().meta({ description: "Values that are sealed under it" }),
    createdAt: iso.meta({ description: "When it was taken into use" }),
  })
  .meta({ id: "MasterKey", description: "A master key by its id; the key itself is in no database" });
export type MasterKey = Immutable<z.output<typeof masterKey>>;

/** What `POST /v1/secrets` takes: a value, or where it is in a store outside. */
export type NewSecret = { readonly name: string; readonly description?: string } & (
  | { readonly value: string }
  | { readonly store: string; readonly path: string; readonly key?: string }
);
