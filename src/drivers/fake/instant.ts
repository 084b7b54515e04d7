import { rename } from "node:fs/promises";
import { refused } from "../../domain/errors.ts";
import { placesIn } from "../host-directory/places.ts";
import type { Session } from "../../session/session.ts";
import type { Commands } from "./commands.ts";
import type { FakeConfig } from "./config.ts";
import { makeRecords, raiseTo, retireFence, seenFence } from "./instant-fence.ts";
import { instantPlace } from "./instant-place.ts";

/** No process runs: each command has ended when it is started. For measuring a fleet without what commands cost. */
export const instantCommands = (path: string, end: FakeConfig["instant"]): Commands => ({
  prepare: makeRecords,
  adopt: raiseTo,

  takeAway: (fence) => async (from, to) => {
    await retireFence(from, fence);
    await rename(from, to);
  },

  session(directory, fence) {
    const places = placesIn(directory);
    const session: Session = {
      places,
      seen: places,
      env: { PATH: path },
      enclosure: null,
      executions: (id) => instantPlace({ directory, fence, end, session: () => session }, id),
      open: async () => {
        throw refused("sandbox_instant", "an instant sandbox of the provider fake runs no processes; give its environment commands: real");
      },
    };
    return session;
  },

  seenFence,
});
