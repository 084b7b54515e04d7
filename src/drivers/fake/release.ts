import { transient } from "../../domain/errors.ts";
import type { LeaseCalls } from "./lease-calls.ts";
import { checkOurs } from "./ours.ts";
import { destroyed, type Sandbox } from "./provider.ts";
import { isNotFound } from "./provider-error.ts";

/** Listings in which a sandbox may be there again. */
const rounds = 10;

/**
 * Destroys every sandbox of the key and notes that it was released, so that acquires know. Done when nothing was there
 * after the note was. `sandboxId` is the one we know of; a listing may miss it. Throws `refused` for a foreign sandbox,
 * `stale` when a newer fence has one.
 *
 * A create that the provider carries out after all this leaves a sandbox nobody asked for. The inventory has it, with
 * its labels, and the next release of the key removes it.
 */
export async function releaseSandboxes(lease: LeaseCalls, installation: string, sandboxId: string | null): Promise<void> {
  const { key, provider, commands, fence } = lease;
  let noted = false;
  for (let round = 0; round < rounds; round++) {
    const listed = await provider.list(key).catch(failedListing);
    const known = sandboxId === null || listed.some((one) => one.id === sandboxId) ? null : await provider.get(key, sandboxId).catch(notThere);
    const found = known === null ? listed : [...listed, known];
    checkOurs(found, { installation });
    if (found.length === 0 && noted) return;
    for (const one of found) await destroyed(provider.destroy(one, commands(one.commands).takeAway(fence)));
    if (!noted) await lease.noteReleased();
    noted = true;
  }
  throw transient("sandbox_left", `sandboxes of ${key} are there each time they were destroyed`);
}

/** A listing that was not found is a failed one, and says nothing about what is there. */
function failedListing(cause: unknown): never {
  if (!isNotFound(cause)) throw cause;
  throw transient("sandboxes_not_listed", "the provider does not find its own listing", { cause });
}

function notThere(error: unknown): Sandbox | null {
  if (isNotFound(error)) return null;
  throw error;
}
