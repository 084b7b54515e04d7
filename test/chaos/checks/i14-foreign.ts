import { type Check, each, together } from "./check.ts";

export const foreign: Check = {
  invariants: ["I14"],
  says: "directories and sandboxes without our mark, or with another's, are as they were",
  look: async ({ foreign: { before, after } }) =>
    together(
      await each(before, ([path, was]) => after.get(path) !== was && `${path} was ${was} and is ${after.get(path) ?? "gone"}`),
      await each([...after.keys()].filter((path) => !before.has(path)), (path) => `${path} appeared in what is not ours`),
    ),
};
