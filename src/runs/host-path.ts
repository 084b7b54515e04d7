import type { Caller } from "../session/execution-place.ts";
import type { Session } from "../session/session.ts";

/** Where workspaces that are directories of the worker's own host come from. */
export interface HostPathSource {
  /** The real path, if the worker's configuration allows it. Throws `refused` with the setting to change. */
  allow(path: string): Promise<string>;
  /** Copies the directory into the workspace: staged per offer, published by rename under the fence. */
  publish(copy: { session: Session; source: string; caller: Caller; signal: AbortSignal }): Promise<void>;
}
