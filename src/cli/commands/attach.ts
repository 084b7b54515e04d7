import { connect } from "../connect.ts";
import { followRun } from "../follow-run.ts";
import { listenForInterrupts } from "../interrupts.ts";

/** Joins a run that is there, whoever started it. Gives the exit code. */
export async function attach(id: string, options: { readonly fromEnd?: true; readonly verbose?: true; readonly json?: true }): Promise<number> {
  const client = await connect();
  const run = await client.runs.get(id);
  using interrupts = listenForInterrupts();
  const { execution } = run;
  const from = options.fromEnd === true && execution !== null ? `${execution.stdoutBytes}-${execution.stderrBytes}` : undefined;
  return await followRun(client, run, interrupts, { ...options, ...(from === undefined ? {} : { from }) });
}
