import { examine } from "../../app/doctor/doctor.ts";
import type { Finding } from "../../app/doctor/finding.ts";
import { findConfig, readConfig } from "../../config.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson, coloured, progress } from "../print.ts";
import { printable } from "../say.ts";
import { table } from "../table.ts";

const colours = { fine: "green", warning: "yellow", fault: "red" } as const;

/** Says what is wrong and what to do; ends with 1 when something does not work. */
export async function doctor({ json }: { readonly json?: true }): Promise<number> {
  progress("Looking ...");
  const { faults } = findConfig();
  // With a wrong configuration everything else would be about something else.
  const found: Finding[] = faults.length > 0 ? faults.map(({ field, message }) => ({ subject: "configuration", state: "fault", says: `${field} ${message}`, remedy: "leasehold config show says where it stands" })) : await examine(readConfig());
  const ok = !found.some(({ state }) => state === "fault");
  if (json === true) answerJson({ ok, findings: found });
  else {
    const rows = found.map(({ subject, state, says, remedy }) => [coloured(colours[state], state), subject, printable(says), remedy === undefined ? "-" : printable(remedy)]);
    answer(table(["STATE", "SUBJECT", { name: "FOUND", gives: 1, least: 24, wrap: true }, { name: "REMEDY", gives: 2, least: 20, wrap: true }], rows));
  }
  return ok ? exitCodes.ok : exitCodes.unusable;
}
