import { ask } from "./run-script.ts";
import { script } from "./script.ts";
import type { Caller } from "./execution-place.ts";
import type { Session } from "./session.ts";

/** Raises the lease's fence to `fence`. Throws `stale` when it is higher already, `gone` when the lease is not there. */
export async function raiseFence(session: Session, fence: number): Promise<void> {
  await ask(session, script("process", "fence", "adopt"), [session.places.control, String(fence)]);
}

/**
 * Gives the lease's directory `from` the name `to`, so that nothing can be started or published in it any more.
 * Throws `stale` for an old fence, `gone` when it is not there.
 */
export async function retire(session: Session, fence: number, from: string, to: string): Promise<void> {
  await ask(session, script("process", "fence", "retire"), [session.places.control, String(fence), from, to]);
}

/**
 * Makes `stage`, on the same file system, the lease's workspace; at most once per fence. `replaced` is a free name
 * beside it for what was there before. Gives whether this call did it. Throws `stale` and `gone`.
 */
export async function publishStage(session: Session, caller: Caller, stage: string, replaced: string): Promise<boolean> {
  const { control, workspace } = session.places;
  const args = [control, String(caller.fence), String(caller.offer), stage, workspace, replaced];
  return (await ask(session, script("process", "fence", "publish"), args, { timeoutMs: 10 * 60_000 })) === "published";
}
