import { invalid, type LeaseholdError, refused, transient } from "../../domain/errors.ts";
import type { StoreReference } from "../../domain/secret.ts";

/** What stores may answer instead of a value, the same for all of them. None names what the store said: it could be anything. */
export const notThere = (store: string, { path }: StoreReference, cause?: unknown): LeaseholdError => invalid("secret_not_in_store", `store ${store} has nothing at ${path}`, { cause });

export const versionNotThere = (store: string, { path }: StoreReference, version: unknown): LeaseholdError =>
  invalid("secret_version_not_found", `store ${store} has no version ${String(version)} of ${path}, or not any more`);

export const fieldNotThere = (store: string, { path }: StoreReference, key: string): LeaseholdError =>
  invalid("secret_not_in_store", `what store ${store} has at ${path} has no field ${key} that is a text`);

export const denied = (store: string, { path }: StoreReference, cause?: unknown): LeaseholdError =>
  refused("secret_store_denied", `store ${store} denies us ${path}; look at its policies and at how we log in there`, { cause });

export const unavailable = (store: string, why: string, cause?: unknown): LeaseholdError => transient("secret_store_unavailable", `store ${store} cannot be asked now: ${why}`, { cause });

export const nonsense = (store: string, what: string): LeaseholdError => transient("secret_store_confused", `store ${store} answered ${what}`);
