import { timing } from "../../../src/domain/defaults.ts";
import { type Check, each, together } from "./check.ts";

/** A process that was looked at just when it was being ended, and the watchers that end with it. */
const grace = timing.leftoverGrace + 4000;

export const gone: Check = {
  invariants: ["I9"],
  says: "no process of a final execution lives, nor did one long after, unless the result says so",
  look: async ({ executions, watched, left }) => {
    const byId = new Map(executions.map((x) => [x.id, x]));
    return together(
      await each(left.processes, (p) => {
        const x = p.execution === null ? undefined : byId.get(p.execution);
        return x?.killed !== "unverified" && `process ${p.pid} is still there${x === undefined ? "" : `, of execution ${x.id} (${JSON.stringify(x.outcome)}, killed ${x.killed})`}: ${p.command}`;
      }),
      await each(watched.alive, ([id, seen]) => {
        const x = byId.get(id);
        if (x?.finishedAt == null || x.killed === "unverified" || x.outcome?.kind === "lost") return null;
        return seen.at > x.finishedAt + grace && `a process of execution ${id} (${x.outcome?.kind}, killed ${x.killed}) lived ${Math.round(seen.at - x.finishedAt)} ms after it was final: ${seen.command}`;
      }),
    );
  },
};
