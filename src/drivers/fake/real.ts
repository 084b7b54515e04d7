import { rename, writeFile } from "node:fs/promises";
import { isKind } from "../../domain/errors.ts";
import { raiseFence, retire } from "../../session/lease-directory.ts";
import { markerPath } from "../host-directory/marker.ts";
import { makePlaces } from "../host-directory/make-places.ts";
import { seenFence } from "../host-directory/seen-fence.ts";
import { hostSession } from "../host-directory/session.ts";
import type { Commands } from "./commands.ts";

/** Commands are processes of this machine in the sandbox's directory, under the same supervisor as everywhere. */
export const realCommands = (path: string): Commands => ({
  async prepare(directory, fence) {
    await makePlaces(directory, fence);
    // For the supervisor, which starts nothing where there is none. Whose the sandbox is, the provider's record says.
    await writeFile(markerPath(directory), "", { mode: 0o600 });
  },

  adopt: (directory, fence) => raiseFence(hostSession(directory), fence),

  takeAway: (fence) => async (from, to) => {
    try {
      await retire(hostSession(from), fence, from, to);
    } catch (error) {
      if (!isKind(error, "gone")) throw error;
      // Perhaps only the marker is: what runs in there can remove it.
      await rename(from, to);
    }
  },

  session: (directory) => hostSession(directory, { env: { PATH: path } }),

  seenFence,
});
