import { nameOf, type Point, points, type Seen } from "./experiment.ts";
import type { Verb } from "./points.ts";
import { scenarios } from "./scenarios.ts";

/** What each verb is, under its heading. */
const verbs: { readonly [V in Verb]: string } = {
  accept: "A submission on the queue becomes a row.",
  decide: "A run's next step. It happens in the job that rang for it: one on `runs`, or the step that was just done.",
  acquire: "A lease gets its resource.",
  realize: "The workspace is copied in.",
  execute: "The command is started, followed, and its outcome fixed.",
  "end a command": "For a cancel, a timeout, or the end of its lease.",
  renew: "The worker that follows a command renews its lease and tells the watchdog.",
  "hand on": "A worker that was told to stop gives its commands on.",
  release: "The resource is given back.",
  sweep: "The reaper looks for what is overdue.",
  answer: "The API does what it is asked for, and answers.",
};

const mortals: { readonly [kind: string]: string } = { worker: "the worker", reaper: "the reaper", api: "the API" };

/** The command that writes the page. */
export const rewrite = "UPDATE_DOCS=1 npx vitest run test/fleet/crash-points.test.ts";

/** The page: every point, and what was seen there. */
export function matrix(seen: ReadonlyMap<Point, Seen>): string {
  const sections = (Object.keys(verbs) as Verb[]).map((verb) => {
    const lines = points.filter(({ row }) => row.verb === verb).map((point) => line(point, seen.get(point)));
    return [`## ${verb}`, "", verbs[verb], "", "| dies | while | leaves | what happens next | shows |", "|---|---|---|---|---|", ...lines, ""].join("\n");
  });
  return `${head()}\n${sections.join("\n")}`;
}

function line(point: Point, seen: Seen | undefined): string {
  if (seen === undefined) throw new Error(`nobody died ${nameOf(point)}`);
  const { row } = point;
  const who = mortals[scenarios[row.in].mortal[0] ?? ""] ?? "";
  return `| ${who} ${nameOf(point)} | ${row.in} | ${seen.left} | ${seen.next} | ${seen.held.join(" ")} |`;
}

function head(): string {
  const stories = Object.entries(scenarios).map(([name, { story }]) => `| ${name} | ${story} |`);
  return `# Crash matrix

What happens when a process dies between two effects. This page is written by the test that does it,
\`test/fleet/crash-points.test.ts\`, and the test fails when what it sees is something else. To write it anew:

\`\`\`sh
${rewrite}
\`\`\`

**Points.** An effect is what changes something outside the process: a statement, a commit, a bell or notice in Redis, a
process that is started, a file of a lease's directory. Reads are none: a death between two reads leaves the same world as one before
the next effect. At each effect a process dies by SIGKILL right before it; where a process is started that goes on by itself,
also right after. Another one comes, and time passes: claims of the dead have lapsed. The table of points is
\`test/fleet/crash/points.ts\`. An effect that it does not name fails the test, as does a point that is never reached. The effects of
each driver's verbs by themselves are tried by its contract test ([drivers.md](drivers.md)), those of
[reconcile](leases.md#what-is-reconcile) by \`test/fleet/reconcile-deaths.test.ts\`, before each of its statements.

**Columns.** *leaves*: what the rows say once the process and its connections are gone. Fence and offer are the numbers after
what the dead one did. *what happens next*: the first thing that whoever comes does, told from the lease's events and the numbers of
attempts. Where the process does several things at once, both depend on the moment; what has to be true in the end does not.
*shows*: the invariants that were checked in the end.

| | checked after each death |
|---|---|
| I1 | what has a lease's name on the disk has a row with that key |
| I2 | there is one resource at a time, and no directory and no process in the end |
| I4 | every run, lease and execution is over |
| I5 | a lease's fences only grow, and each is given once |
| I6 | one execution per run, and every command was started once |
| I7 | every byte of the output is durable, and is said to be complete |
| I8 | the outcome is the true one |

| while | |
|---|---|
${stories.join("\n")}
`;
}
