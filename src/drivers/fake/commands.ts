import type { Session } from "../../session/session.ts";
import type { TakeAway } from "./provider.ts";

/** What there is of a sandbox beyond the provider: how commands run in it, and how it knows old fences. */
export interface Commands {
  /** Puts into a new sandbox's directory what sessions need, with the fence. */
  prepare(directory: string, fence: number): Promise<void>;
  /** Takes a sandbox over for a fence. Throws `stale` for an old one, `gone` when it is not there. */
  adopt(directory: string, fence: number): Promise<void>;
  /** Takes a sandbox away unless a newer fence has it, in one step. Throws `stale`. */
  takeAway(fence: number): TakeAway;
  session(directory: string, fence: number): Session;
  /** The highest fence the sandbox has seen; null when it does not know any more, or is on its way out. */
  seenFence(directory: string): Promise<number | null>;
}
