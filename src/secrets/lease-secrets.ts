import DataLoader from "dataloader";
import { z } from "zod";
import { findRedaction } from "../db/executions.ts";
import type { SecretReader } from "../db/secret-versions.ts";
import { KnownValues } from "../domain/known-values.ts";
import { isSecretRef, type SecretPurpose, type SecretRef } from "../domain/secret.ts";
import type { SecretParts } from "./parts.ts";
import { resolveSecrets } from "./resolve.ts";
import { open, redactionBinding, seal } from "./seal.ts";
import { sealingKey } from "./sealing-key.ts";

/** The secrets of one lease, or of one look at a place, while this process works on it. Values are forgotten when the last who works on it has disposed of it. */
export interface LeaseSecrets extends Disposable {
  /** The value that a reference stands for: asked for once, however often it is wanted. A text is itself. Throws as `resolveSecrets` says. */
  reveal(value: string | SecretRef, purpose: SecretPurpose): Promise<string>;
  /** The values that were revealed so far, to be kept out of what is written about the lease. */
  readonly known: KnownValues;
}

/** Gives work on a lease its secrets. */
export interface WorkerSecrets {
  of(lease: { readonly id: string; readonly companyId: string; readonly runId?: string | null }): LeaseSecrets;
  /** For a look at a place. */
  ofProbe(companyId: string): LeaseSecrets;
  /** What is to be looked for in an execution's output, sealed, for its row. */
  remember(execution: Whose, values: readonly string[]): Promise<{ redaction: Buffer; redactionKey: string } | Record<never, never>>;
  /** The same, from its row. Throws `transient` `master_key_missing` and `refused` `secret_unreadable`. */
  remembered(execution: Whose): Promise<readonly string[]>;
}

interface Whose {
  readonly id: string;
  readonly companyId: string;
}

interface Cache {
  users: number;
  readonly loaders: Map<SecretPurpose, DataLoader<SecretRef, string, string>>;
  readonly known: KnownValues;
  readonly held: Map<string, readonly Disposable[]>;
  readonly over: AbortController;
}

export function workerSecrets(parts: SecretParts, who: string): WorkerSecrets {
  const caches = new Map<string, Cache>();

  const openFor = (key: string | null, reader: SecretReader): LeaseSecrets => {
    const cache: Cache = (key === null ? undefined : caches.get(key)) ?? { users: 0, loaders: new Map(), known: new KnownValues(), held: new Map(), over: new AbortController() };
    cache.users += 1;
    if (key !== null) caches.set(key, cache);
    const loaderOf = (purpose: SecretPurpose): DataLoader<SecretRef, string, string> => {
      const known = cache.loaders.get(purpose);
      if (known !== undefined) return known;
      const load = (refs: readonly SecretRef[]): Promise<(string | Error)[]> => resolveSecrets(parts, reader, refs, purpose, cache.over.signal);
      const loader = new DataLoader(load, { cacheKeyFn: ({ secretId, version }: SecretRef) => `${secretId} ${version}` });
      cache.loaders.set(purpose, loader);
      return loader;
    };
    let left = false;
    return {
      reveal: async (value, purpose) => {
        if (!isSecretRef(value)) return value;
        const loader = loaderOf(purpose);
        try {
          const revealed = await loader.load(value);
          // When nobody works on it any more everything was forgotten; what comes after that is not kept.
          if (cache.users > 0 && !cache.held.has(revealed)) cache.held.set(revealed, [parts.known.hold(revealed), cache.known.hold(revealed)]);
          return revealed;
        } catch (error) {
          // The next who asks may be luckier.
          loader.clear(value);
          throw error;
        }
      },
      known: cache.known,
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        cache.users -= 1;
        if (cache.users > 0) return;
        if (key !== null && caches.get(key) === cache) caches.delete(key);
        cache.over.abort(new Error("the work on the lease is over"));
        for (const held of cache.held.values()) for (const one of held) one[Symbol.dispose]();
        cache.held.clear();
        cache.loaders.clear();
      },
    };
  };

  return {
    of: ({ id, companyId, runId = null }) => openFor(id, { companyId, leaseId: id, runId, who }),
    remember: async ({ id, companyId }, values) => {
      if (values.length === 0) return {};
      const key = await sealingKey(parts.db, parts.ring);
      return { redaction: seal(key, JSON.stringify(values), redactionBinding(companyId, id)), redactionKey: key.id };
    },
    remembered: async ({ id, companyId }) => {
      const found = await findRedaction(parts.db, id);
      if (found === undefined) return [];
      return z.array(z.string()).parse(JSON.parse(open(await parts.ring.find(found.keyId), found.sealed, redactionBinding(companyId, id))));
    },
    ofProbe: (companyId) => openFor(null, { companyId, leaseId: null, runId: null, who }),
  };
}
