import type { Logger } from "pino";
import type { Commands } from "./commands.ts";
import type { Sandbox } from "./provider.ts";
import type { UnreliableProvider } from "./unreliable.ts";

/** What the verbs about one lease work with. */
export interface LeaseCalls {
  readonly key: string;
  readonly fence: number;
  readonly provider: UnreliableProvider;
  readonly commands: (of: Sandbox["commands"]) => Commands;
  /** Whether the key was released. Such a note outlives the sandboxes and whoever made it. */
  readonly wasReleased: () => Promise<boolean>;
  readonly noteReleased: () => Promise<void>;
  readonly log: Logger;
}
