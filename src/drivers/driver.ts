import type { Logger } from "pino";
import type { z } from "zod";
import type { DriverKind } from "../domain/driver-kind.ts";
import type { SecretRef } from "../domain/secret.ts";
import type { Session } from "../session/session.ts";

/**
 * The driver contract. A driver knows one kind of place and nothing else: never the database, the queues, HTTP or
 * the process environment. What it declares exists; there are no optional verbs.
 */

/** What every verb gets beside its own arguments. */
export interface CallContext {
  /** Fires when the call's deadline has passed or nobody wants the answer any more. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The lease's fence: where the driver can enforce it, a lower one than it has seen is refused as `stale`. */
  readonly fence: number;
  /**
   * The value of a secret field of the config (`secretField`), which itself holds a reference; a text is itself. To be asked for
   * when it is needed, and kept no longer than the call, or the session that it opens, takes. Throws ours: let it through.
   */
  readonly reveal: (value: string | SecretRef) => Promise<string>;
}

/** Whose resource it is, put on it in the call that creates it. */
export interface Labels {
  readonly installation: string;
  readonly company: string;
  /** The run it was made for; null for an ad-hoc lease. */
  readonly run: string | null;
}

export interface Diagnostic {
  readonly check: string;
  readonly ok: boolean;
  readonly message: string;
  /** What to do about it; given whenever `ok` is false. */
  readonly remedy?: string;
}

export interface ProbeResult {
  readonly ok: boolean;
  readonly summary: string;
  readonly diagnostics: readonly Diagnostic[];
}

export interface Acquired {
  readonly handle: unknown;
  /** The provider's own name for the resource; null where there is none (`local`). */
  readonly providerLeaseId: string | null;
  /** What a person needs to find the place. Never a secret. */
  readonly target: { readonly transport: DriverKind; readonly cwd: string; readonly shell: string };
  readonly metadata: Record<string, unknown>;
}

/** A resource as the provider lists it. */
export interface Listed {
  readonly key: string;
  readonly labels: Labels;
  readonly createdAt: Date;
  readonly providerLeaseId: string | null;
  /** The highest fence that the resource has seen, where it knows: what releases it comes with a higher one. */
  readonly fence: number | null;
}

export interface ResourceRef {
  /** The resource key: the name under which the provider knows it. */
  readonly key: string;
  /** The stored handle, as `acquire` gave it and JSON kept it. */
  readonly handle: unknown;
}

export interface DriverFacts {
  readonly isolation: "none" | "user" | "namespace" | "container" | "vm";
  /** `host`: the resource lives on the machine of the worker that made it, and only workers there can reach it. */
  readonly placement: "anywhere" | "host";
  readonly fencing: "enforced" | "clock";
  /** Longest life the provider itself grants; null where it sets no bound. */
  readonly maxTtlMs: number | null;
  readonly callTimeoutMs: number;
}

/** What the provider holds, to be compared with what our rows say. */
export interface Inventory {
  /**
   * Identity of the place whose resources are listed, like `local:<uuid>`: the same for every driver over the same place,
   * another for what takes its place. Asked of the place itself, now. Throws `transient` when it cannot be told.
   */
  readonly endpoint: () => Promise<string>;
  /** Lists what carries our installation id. A failed listing throws, wherever it fails; it is never an empty one. */
  readonly list: (context: Omit<CallContext, "fence" | "reveal">) => AsyncIterable<Listed>;
  /**
   * Removes the one resource that the provider calls so, and leaves the key's others; "not there" is success. Null where
   * a key cannot have two.
   */
  readonly discard: ((context: Omit<CallContext, "reveal">, resource: { key: string; providerLeaseId: string }) => Promise<void>) | null;
}

export interface Driver {
  readonly kind: DriverKind;
  /** Who really holds the resource: `local`, `bubblewrap`, `fake`, ... */
  readonly provider: string;
  readonly facts: DriverFacts;
  /** The environment's config; unknown keys are refused. */
  readonly config: z.ZodType;
  readonly inventory: Inventory | null;
  /** Says whether the place can be used, changing nothing. */
  probe(context: Omit<CallContext, "fence">, config: unknown): Promise<ProbeResult>;
  /** Same key, same resource, however often. A name somebody else owns is `refused`; a released key is `gone`. */
  acquire(context: CallContext, request: { key: string; config: unknown; labels: Labels; expiresAt: Date }): Promise<Acquired>;
  inspect(context: CallContext, resource: ResourceRef): Promise<"up" | "gone" | "unknown">;
  /** Moves the provider's own dead-man timer; gives the expiry that was granted. */
  extend(context: CallContext, resource: ResourceRef, expiresAt: Date): Promise<Date>;
  /** Raw power to run commands there. An unknown handle version is `invalid`; a resource that is not there is `gone`. */
  session(context: CallContext, resource: ResourceRef): Promise<Session>;
  /**
   * From the key and the lease's config alone; "not there" is success. The handle is null when there never was one. Leaves a
   * tombstone, so that a late create cannot follow.
   */
  release(context: CallContext, resource: { key: string; handle: unknown; config: unknown }): Promise<void>;
  close(): Promise<void>;
}
