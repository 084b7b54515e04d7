import { type Check, each, together } from "./check.ts";

export const files: Check = {
  invariants: ["I10"],
  says: "what runs had copied in as their workspace is as it was, and no lease's directory is left",
  look: async ({ sources, left }) =>
    together(
      await each(sources.before, ([path, was]) => sources.after.get(path) !== was && `${path} was ${was} and is ${sources.after.get(path) ?? "gone"}`),
      await each([...sources.after.keys()].filter((path) => !sources.before.has(path)), (path) => `${path} appeared in a directory of the host`),
      await each(left.directories, (path) => `left: ${path}`),
    ),
};
