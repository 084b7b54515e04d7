import { z } from "zod";
import { limits } from "./defaults.ts";
import { invalid } from "./errors.ts";

/** A secret by its id instead of its value. `latest` is the newest version there is when a lease first needs it. */
export const secretRef = z.strictObject({
  type: z.literal("secret_ref"),
  secretId: z.uuid("must be the id of a secret"),
  version: z.union([z.literal("latest"), z.number().int().min(1).max(2_147_483_647)], "must be latest or a version's number").default("latest"),
});
export type SecretRef = z.output<typeof secretRef>;
export type SecretRefInput = z.input<typeof secretRef>;

/** What stands where a value may be given by itself or by reference. */
export const orSecretRef = <S extends z.ZodType<string>>(value: S) =>
  z.union([value, secretRef], 'must be a string, or a reference like {"type": "secret_ref", "secretId": "...", "version": "latest"}');

const format = "secret-ref";

/**
 * A field of a driver's config whose value is secret. A driver gets a reference there, never a value, and asks for the value
 * when it needs it (`CallContext.reveal`); so neither its handle nor its metadata can hold one. `value` says what values are
 * good; it is checked for one that is pasted in.
 */
export const secretField = (value: z.ZodType<string> = secretValue) => orSecretRef(value).meta({ format });

/** Whether a schema is one that `secretField` made. */
export const isSecretField = (schema: z.core.$ZodType): boolean => z.globalRegistry.get(schema)?.["format"] === format;

/** Whether a value that was checked is a reference. */
export const isSecretRef = (value: unknown): value is SecretRef => typeof value === "object" && value !== null && (value as { type?: unknown }).type === "secret_ref";

/** The value of a field that holds no reference, for calls of drivers that are about no company's secrets. Throws `invalid` for a reference. */
export async function plainValue(value: string | SecretRef): Promise<string> {
  if (!isSecretRef(value)) return value;
  throw invalid("secret_not_found", `there is no secret ${value.secretId}`, { status: 404 });
}

/** What is kept as a secret: text that an environment variable or a driver can take. */
export const secretValue = z
  .string("must be a text")
  .min(1, "is empty; there is nothing to keep secret")
  .refine((text) => !text.includes("\0"), "contains a NUL character, which no environment variable can hold; encode it (base64) and have the command decode it")
  .refine((text) => text.isWellFormed(), "contains half a surrogate pair, which is no text")
  .refine((text) => Buffer.byteLength(text) <= limits.secretValue, `is larger than ${limits.secretValue} bytes; Linux takes no variable of more than ${limits.argument}. Put large files into the workspace or a store of their own`);

export const secretName = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, "must begin with a letter or digit and have only letters, digits, '.', '_', '-' and '/'");

export const secretStatuses = ["active", "disabled", "deleted"] as const;
export type SecretStatus = (typeof secretStatuses)[number];

/** What a value is asked for: to reach a place, to be given to a command, or to look at a place. */
export const secretPurposes = ["place", "command", "probe"] as const;
export type SecretPurpose = (typeof secretPurposes)[number];

/** The store of values that we seal ourselves. */
export const sealedStore = "sealed";

/** Where a value is in a store outside, and which of its fields it is, where it has fields. */
export const storeReference = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(500)
    .regex(/^[A-Za-z0-9_.@+=/-]+$/, "may have letters, digits and _.@+=/- only")
    .refine((path) => path.split("/").every((part) => part !== "" && part !== "." && part !== ".."), "must not have empty parts, . or .."),
  key: z.string().min(1).max(200).regex(/^[^\p{C}]+$/u, "must be printable").optional(),
});
export type StoreReference = z.output<typeof storeReference>;
