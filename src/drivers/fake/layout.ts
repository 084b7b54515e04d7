import { join } from "node:path";
import { invalid } from "../../domain/errors.ts";
import { isId } from "../../domain/ids.ts";

/** Where things are in the provider's directory. Throws `invalid` for a key that is no UUID, and could therefore lead anywhere. */
export const providerLayout = (root: string) => ({
  /** Sandboxes: a directory per lease key, in it one per sandbox, called 1, 2, ... */
  sandboxes: join(root, "sandboxes"),
  sandboxesOf: (key: string) => join(root, "sandboxes", checked(key)),
  /** Sandboxes that were asked for and have not appeared yet. */
  late: join(root, "late"),
  lateOf: (key: string) => join(root, "late", checked(key)),
  /** Calls made so far, where a plan of faults counts them. */
  callsOf: (key: string | null) => join(root, "calls", key === null ? "all" : checked(key)),
  /** The plan of a lease's environment, for calls that are given nothing but the key. */
  planOf: (key: string) => join(root, "plans", `${checked(key)}.json`),
  plans: join(root, "plans"),
  /** The plan of calls that are about no lease. Made by whoever wants it. */
  sharedPlan: join(root, "faults.json"),
  /** Tokens that the provider takes. Made by whoever wants it; without it, it asks for none. */
  tokens: join(root, "tokens"),
  /** Says that the key was released. */
  tombstone: (key: string) => join(root, checked(key)),
});
export type ProviderLayout = ReturnType<typeof providerLayout>;

function checked(key: string): string {
  if (!isId(key)) throw invalid("resource_key_invalid", "a resource key of the provider fake is a UUID");
  return key.toLowerCase();
}
