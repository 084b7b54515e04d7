import type { Reconcile, ReconcileEndpoint } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo } from "../say.ts";
import { facts, table } from "../table.ts";

interface Options {
  readonly json?: true;
  readonly yes?: true;
}

export async function showReconcile(options: Options): Promise<number> {
  return tell(await (await connect()).reconcile.get(), options);
}

export async function runReconcile(options: Options): Promise<number> {
  const report = await (await connect()).reconcile.run();
  if (options.json === true) answerJson(report);
  else answer(report.endpoints.length === 0 ? "No worker has named a place to compare yet." : `${report.endpoints.length === 1 ? "1 place is" : `${report.endpoints.length} places are`} compared within seconds; \`leasehold reconcile show\` says what was found.`);
  return exitCodes.ok;
}

export async function confirmReconcile(options: Options): Promise<number> {
  const client = await connect();
  if (options.yes === true) return tell(await client.reconcile.confirm(), options);
  const report = await client.reconcile.get();
  if (report.held === null) {
    if (options.json === true) answerJson(report);
    else answer("Nothing is held back; there is nothing to confirm.");
    return exitCodes.ok;
  }
  tell(report, options);
  const count = (kind: "orphan" | "duplicate"): number => report.endpoints.reduce((sum, one) => sum + one.counts[kind], 0);
  throw new CliError(
    exitCodes.usage,
    `confirming has the fleet give back ${count("orphan")} resources without a lease and remove ${count("duplicate")} duplicates, and end leases whose resource is gone. ` +
      "It cannot be undone. If this is the right database, add --yes; if it is a copy, give it workers and data directories of its own first.",
  );
}

function tell(report: Reconcile, options: Options): number {
  if (options.json === true) answerJson(report);
  else answer([held(report), places(report.endpoints), found(report.endpoints)].filter((part) => part !== "").join("\n\n"));
  return exitCodes.ok;
}

const held = ({ held: hold }: Reconcile): string =>
  hold === null
    ? ""
    : facts([
        ["Held back", `since ${hold.since}: nothing that was found is touched`],
        ["Why", printable(hold.why)],
        ["What to do", "look whether this is the right database, then `leasehold reconcile confirm`"],
      ]);

const number = (value: number | null): string => (value === null ? "-" : String(value));

function places(endpoints: readonly ReconcileEndpoint[]): string {
  if (endpoints.length === 0) return "No worker has named a place to compare yet.";
  return table(
    [
      { name: "PLACE", gives: 3, least: 14 },
      { name: "HOST", gives: 2, least: 10 },
      "LISTED",
      ...["HOLDS", "GIVEN BACK", "REMOVED", "VANISHED", "LEFT"].map((name) => ({ name, right: true })),
      { name: "FAILURE", gives: 1, least: 12, wrap: true },
    ],
    endpoints.map((one) => [
      one.endpoint,
      printable(one.hostName ?? one.host ?? "-"),
      one.listedAt === null ? "never" : sayAgo(one.listedAt),
      number(one.listed),
      number(one.orphans),
      number(one.duplicates),
      number(one.vanished),
      number(one.deferred),
      printable(one.failure ?? "-"),
    ]),
  );
}

/** What becomes of it. */
const fates = { orphan: "given back", duplicate: "removed", unknown_company: "left alone", forgotten: "left alone" } as const;

function found(endpoints: readonly ReconcileEndpoint[]): string {
  const rows = endpoints.flatMap(({ endpoint, findings }) =>
    findings.map((one) => [one.kind, one.key, sayAgo(one.firstSeenAt), one.ripe || fates[one.kind] === "left alone" ? fates[one.kind] : `${fates[one.kind]} soon`, endpoint]),
  );
  const all = endpoints.reduce((sum, { counts }) => sum + Object.values(counts).reduce((a, b) => a + b, 0), 0);
  if (all === 0) return "";
  const more = all > rows.length ? `\n\n${all - rows.length} more are not shown.` : "";
  return `${table(["FOUND", "KEY", "SINCE", "IS", { name: "PLACE", gives: 1, least: 12 }], rows)}${more}`;
}
