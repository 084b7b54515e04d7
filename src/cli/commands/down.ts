import { createInterface } from "node:readline/promises";
import { runDown } from "../../app/down.ts";
import { readConfig } from "../../config.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson, complain, isTerminal, note } from "../print.ts";

export interface DownFlags {
  readonly purge?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** Stops the fleet of this machine; with `purge`, deletes its data, after asking. */
export async function down({ purge, yes, json }: DownFlags): Promise<number> {
  const config = readConfig();
  if (purge === true && yes !== true && !(await agreed(config.dataDir))) {
    note("Nothing was done.");
    return exitCodes.cancelled;
  }
  const { wasUp, deleted, kept } = await runDown(config, { purge: purge === true, say: note });
  if (kept.length > 0) complain(`left in ${config.dataDir}, as Leasehold did not make it: ${kept.join(", ")}`);
  if (json === true) answerJson({ dataDir: config.dataDir, wasUp, deleted, kept });
  else if (purge === true) answer(deleted.length === 0 ? `There was no data in ${config.dataDir}.` : `Deleted what was in ${config.dataDir}.`);
  else answer(wasUp ? "Stopped. Running commands go on; the next `leasehold up` follows them." : `No fleet runs on this machine with data in ${config.dataDir}.`);
  return exitCodes.ok;
}

async function agreed(dataDir: string): Promise<boolean> {
  if (!process.stdin.isTTY || !isTerminal("stderr")) throw new CliError(exitCodes.usage, `this deletes everything in ${dataDir}; give --yes where nobody can be asked`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(`Delete all runs, output, secrets and keys in ${dataDir}? Type yes: `)).trim() === "yes";
  } finally {
    lines.close();
  }
}
