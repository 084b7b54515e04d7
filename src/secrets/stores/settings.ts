import { readFile } from "node:fs/promises";
import { z } from "zod";
import { timing } from "../../domain/defaults.ts";
import { invalid } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { sealedStore } from "../../domain/secret.ts";

const text = z.string().min(1).max(1000);
const httpUrl = z.string().refine((url) => URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol), "must be an http or https URL");

/** What every kind of store says. */
const common = {
  /** By company, by name: the paths it may read. A `*` at the end stands for anything. */
  grants: z.record(z.string(), z.array(text).max(1000)).default({}),
};
const asked = { timeoutMs: z.number().int().min(1).max(60_000).default(timing.secretStore) };

const login = z.discriminatedUnion("method", [
  z.strictObject({ method: z.literal("token"), tokenFile: text }),
  z.strictObject({ method: z.literal("approle"), mount: text.default("approle"), roleId: text, secretIdFile: text }),
]);

const storeSettings = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("env"), ...common }),
  z.strictObject({ type: z.literal("file"), directory: text.refine((path) => path.startsWith("/"), "must be an absolute path"), ...common }),
  z.strictObject({ type: z.literal("vault"), url: httpUrl, mount: text.default("secret"), namespace: text.optional(), login, ...asked, ...common }),
  z.strictObject({ type: z.literal("aws"), region: text, endpoint: httpUrl.optional(), ...asked, ...common }),
]);
export type StoreSettings = z.output<typeof storeSettings>;

const storeName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and -")
  .refine((name) => name !== sealedStore, "is the name of the fleet's own store");

/** What the operator's file of stores may say. */
export const storesFile = z.strictObject({ stores: z.record(storeName, storeSettings).default({}) });

/** The stores of the operator's file, by name. Throws `invalid` with every fault. */
export async function readStoresFile(path: string): Promise<Readonly<Record<string, StoreSettings>>> {
  const content = await readFile(path, "utf8").catch((cause: unknown) => {
    throw invalid("secret_stores_unreadable", `the file of secret stores ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "unknown error"}`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (cause) {
    throw invalid("secret_stores_unreadable", `the file of secret stores ${path} is not JSON`, { cause });
  }
  return parse(storesFile, json, "secret_stores").stores;
}
