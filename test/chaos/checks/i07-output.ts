import type { Evidence, ExecutionRow } from "../evidence/evidence.ts";
import { digestOf, wholeOutput } from "../work/act.ts";
import type { Task } from "../work/task.ts";
import { type Check, each } from "./check.ts";
import { executionsOf } from "./task-rows.ts";

export const output: Check = {
  invariants: ["I7"],
  says: "the durable copy is a prefix of what the command says it wrote, and all of it where the outcome is its own; followers saw the same",
  look: (evidence) => {
    const executions = executionsOf(evidence);
    const pairs = evidence.tasks.flatMap((task) => (executions.get(task.id) ?? []).map((x) => ({ task, x })));
    return each(pairs, async ({ task, x }) => {
      const fault = await faultIn(evidence, task, x);
      return fault === null ? null : `${task.id} (${task.act.kind}, execution ${x.id}, ${JSON.stringify(x.outcome)}): ${fault}`;
    });
  },
};

async function faultIn(evidence: Evidence, task: Task, x: ExecutionRow): Promise<string | null> {
  const stdout = await evidence.output(x.id, "stdout");
  const stderr = await evidence.output(x.id, "stderr");
  if (stdout.length !== x.stdoutBytes || stderr.length !== x.stderrBytes) return `counted ${x.stdoutBytes} and ${x.stderrBytes} bytes, and holds ${stdout.length} and ${stderr.length}`;
  if (task.followed !== null && !task.followed.equals(stdout)) return `its follower saw ${task.followed.length} bytes that are not the ${stdout.length} durable ones`;
  const own = x.outcome?.kind === "exited" || x.outcome?.kind === "signalled";
  const whole = task.act.kind === "random" ? await evidence.ledger.data(task.id) : wholeOutput(task.id, task.act);
  if (whole === null) return own || stdout.length > 0 ? "printed random bytes that it never made" : null;
  if (task.act.kind === "random" && own && evidence.ledger.digests.get(task.id) !== digestOf(whole)) return "its own digest is not that of its bytes";
  const wanted = own ? whole.subarray(0, task.outputLimit ?? undefined) : whole.subarray(0, stdout.length);
  if (!stdout.equals(wanted)) return `stdout is not ${own ? "all" : "a prefix"} of what it wrote: ${stdout.length} bytes of ${whole.length}, first difference at ${differsAt(stdout, wanted)}`;
  if (!own) return null;
  const dropped = whole.length - wanted.length;
  if (x.stdoutDropped !== dropped) return `says that ${x.stdoutDropped} bytes were not kept; they were ${dropped}`;
  // What a command says that ends itself: one line on stderr, with how often it found itself started.
  const said = task.act.kind === "signal" ? "" : "started 1\n";
  const saidKept = said.slice(0, task.outputLimit ?? undefined);
  if (stderr.toString() !== saidKept) return `stderr is ${JSON.stringify(stderr.toString().slice(0, 100))} instead of ${JSON.stringify(saidKept)}`;
  const complete = dropped === 0 && saidKept === said;
  return x.outputComplete === complete ? null : `output_complete is ${x.outputComplete}`;
}

function differsAt(a: Buffer, b: Buffer): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  return at;
}
