import type { SecretRef, StoreReference } from "../../domain/secret.ts";

/** A place outside where secrets are kept. Each read asks it; nothing is remembered here. */
export interface SecretStore {
  /** Whether its versions have numbers, so that a reference may name one. */
  readonly numbersVersions: boolean;
  /**
   * The value that is there now. Throws `invalid` when it is not there, not in that version, or no text; `refused` when the
   * store denies it to us; `transient` when the store did not answer, or said what makes no sense. No message has a value.
   */
  read(reference: StoreReference, version: SecretRef["version"], signal: AbortSignal): Promise<string>;
}
