import type { Driver } from "../../src/drivers/driver.ts";

/** How another process opens the same driver: a built module, what it exports, and the one argument, which JSON keeps. */
export interface Opening {
  /** Path of a built ES module, from the repository's root. */
  readonly module: string;
  /** Name of the exported function that gives a driver, or a promise of one. */
  readonly export: string;
  readonly argument: unknown;
}

/** A config that is not to be had, and why. */
export interface BadConfig {
  readonly why: string;
  readonly config: unknown;
}

/**
 * A driver as its author brings it before the contract: over a provider of its own that is empty and that nobody else uses.
 * The suite knows nothing about the driver but what is said here, what the driver declares and what its sessions give.
 */
export interface Subject {
  readonly name: string;
  /** Our installation's id, and another's on the same provider. */
  readonly installation: string;
  readonly otherInstallation: string;
  /** A fresh driver object on the same provider, as another process would have one. */
  open(installation: string): Promise<Driver>;
  /** The same for a process of its own. */
  opening(installation: string): Opening;
  /** A config that works. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Configs that the schema has to refuse, with the field it has to name. */
  readonly invalid: readonly (BadConfig & { readonly field: string })[];
  /** Configs that are well-formed and that this place does not grant: probe says so, acquire is `refused`. */
  readonly refused: readonly BadConfig[];
  /** A driver whose provider cannot be reached, and never could. Its config is the one above. */
  unreachable(): Promise<Driver>;
  /** A driver over another provider of the same kind. */
  elsewhere(): Promise<Driver>;
  /**
   * What the provider holds, of any installation, by names that say what it is: resources, half-made ones, rubbish,
   * processes. Each resource once, by a name with its key in it, and what belongs to it only when it is there without it.
   * Not tombstones: they are there to stay. Looks at the provider itself, not through the driver.
   */
  remains(): Promise<readonly string[]>;
  /** Whether a command can reach its lease's control directory: where it can, the suite does not look that it cannot. */
  readonly controlWithinReach: boolean;
  /** Removes the provider with everything in it. */
  close(): Promise<void>;
}

/** What a subject's file exports as its default. */
export type MakeSubject = () => Promise<Subject>;
