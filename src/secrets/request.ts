import { z } from "zod";
import { sealedStore, secretName, secretValue, storeReference } from "../domain/secret.ts";

const description = z.string().max(1000).refine((text) => !text.includes("\0"), "contains a NUL character; remove it").optional();

const outside = z.strictObject({
  name: secretName,
  description,
  /** One of the stores that the operator lets the company read. */
  store: z.string().max(40).refine((name) => name !== sealedStore, "must be a store outside; to have a value sealed, give it as value"),
  ...storeReference.shape,
});
const sealed = z.strictObject({ name: secretName, description, value: secretValue });

/** A secret to be kept: its value, or where it is in a store outside. */
export const newSecretRequest = z.union([sealed, outside]);
export type NewSecretRequest = z.output<typeof newSecretRequest>;

/** A new version of one that we seal. */
export const newVersionRequest = z.strictObject({ value: secretValue });
