import type { Probe } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { type ConfigOptions, configFrom } from "../environment-config.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson, coloured } from "../print.ts";
import { printable, saySpan } from "../say.ts";
import { prose, table } from "../table.ts";

/** Looks at an environment that is there. Gives the exit code: whether it can be used. */
export async function probeEnvironment(name: string, options: { readonly json?: true }): Promise<number> {
  const { environments } = await connect();
  return told(await orMeant(name, () => environments.probe(name), environments), options);
}

/** Looks at one that is not saved. */
export async function probeUnsaved(wanted: ConfigOptions, options: { readonly json?: true }): Promise<number> {
  const config = await configFrom(wanted);
  return told(await (await connect()).environments.probeConfig({ driver: wanted.driver, config }), options);
}

function told(probe: Probe, { json }: { readonly json?: true }): number {
  if (json === true) answerJson(probe);
  else answer(described(probe));
  return probe.ok ? exitCodes.ok : exitCodes.unusable;
}

const said = (ok: boolean, good: string, bad: string): string => (ok ? coloured("green", good) : coloured("red", bad));

function described({ ok, summary, diagnostics, host, tookMs }: Probe): string {
  const verdict = prose(`${said(ok, "It can be used", "It cannot be used")}: ${printable(summary)}. Checked on ${printable(host)} in ${saySpan(tookMs)}.`);
  if (diagnostics.length === 0) return verdict;
  const rows = diagnostics.map((d) => [printable(d.check), said(d.ok, "ok", "failed"), [d.message, ...(d.remedy === undefined ? [] : [`-> ${d.remedy}`])].map(printable).join("\n")]);
  return `${table(["CHECK", "RESULT", "MESSAGE"], rows, { wrap: true })}\n\n${verdict}`;
}
