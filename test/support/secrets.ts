import type { Db } from "../../src/db/client.ts";
import { KnownValues } from "../../src/domain/known-values.ts";
import { keyRing } from "../../src/secrets/key-ring.ts";
import { type WorkerSecrets, workerSecrets } from "../../src/secrets/lease-secrets.ts";
import type { SecretParts } from "../../src/secrets/parts.ts";
import { openStores } from "../../src/secrets/stores/open.ts";

/** Secrets of a process that has a file of master keys, or none, and no stores outside. */
export const secretParts = (db: Db, keyFile?: string): SecretParts => ({ db, ring: keyRing(keyFile), stores: openStores({}, () => undefined), known: new KnownValues() });

/** For a worker whose tests have no secrets. */
export const noSecrets = (db: Db): WorkerSecrets => workerSecrets(secretParts(db), "test");
