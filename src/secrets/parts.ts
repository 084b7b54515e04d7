import type { Db } from "../db/client.ts";
import type { KnownValues } from "../domain/known-values.ts";
import type { KeyRing } from "./key-ring.ts";
import type { SecretStores } from "./stores/open.ts";

/** What the use cases of secrets are given. */
export interface SecretParts {
  readonly db: Db;
  readonly ring: KeyRing;
  readonly stores: SecretStores;
  readonly known: KnownValues;
}
