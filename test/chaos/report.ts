import { describeOutcome } from "../../src/domain/outcome.ts";
import type { Report } from "./chaos.ts";
import type { ChaosOptions } from "./options.ts";

const count = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).toSorted(([, a], [, b]) => b - a));
};

const listed = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, n]) => `${n} ${name}`).join(", ");

/** What was done and what became of it, as data. */
export function summary({ seed, verdicts, evidence, starts, kept }: Report, options: ChaosOptions) {
  const { tasks, holds, runs, executions, leases, troubles, settled, ledger } = evidence;
  const outcomes = [...runs.map((run) => run.outcome), ...executions.filter((x) => x.run === null).map((x) => x.outcome)];
  return {
    seed,
    minutes: options.durationMs / 60_000,
    storm: options.storm,
    ok: verdicts.every((verdict) => verdict.violations.length === 0),
    asked: { ...count(tasks.map((task) => task.via)), doubled: tasks.filter((task) => task.asked > 1).length, adHocLeases: holds.length, kinds: count(tasks.map((task) => task.act.kind)), places: count(tasks.map((task) => task.place.kind)) },
    troubles: count(troubles.map((trouble) => trouble.what.replace(/ .*/, "").concat(" ", trouble.what.split(" ")[1]?.replace(/-\d+$/, "") ?? ""))),
    processesStarted: starts,
    runs: runs.length,
    executions: executions.length,
    takenOver: executions.filter((x) => x.offer > 1).length,
    startsByTheirOwnCount: ledger.starts.length,
    leases: count(leases.map((lease) => lease.state)),
    outcomes: count(outcomes.map((outcome) => (outcome === null ? "none" : describeOutcome(outcome).replace(/ \(.*/s, "").replace(/exited [1-9].*/, "exited with another code")))),
    killed: count(executions.flatMap((x) => (x.killed === null ? [] : [x.killed]))),
    outputBytes: executions.reduce((sum, x) => sum + x.stdoutBytes + x.stderrBytes, 0),
    settledAfterMs: Math.round(settled.after),
    crashed: evidence.crashes,
    verdicts,
    kept,
  };
}

/** The same for people. */
export function lines(report: Report, options: ChaosOptions): string[] {
  const s = summary(report, options);
  const { kinds, places, ...asked } = s.asked;
  return [
    "",
    `seed      ${s.seed}`,
    `asked     ${listed(asked)}`,
    `          ${listed(kinds)}`,
    `          ${listed(places)}`,
    `troubles  ${listed(s.troubles)}`,
    `started   ${listed(s.processesStarted)}`,
    `runs      ${s.runs}, executions ${s.executions} (${s.takenOver} taken over), started ${s.startsByTheirOwnCount} by their own count, ${s.outputBytes} bytes of output`,
    `leases    ${listed(s.leases)}`,
    `outcomes  ${listed(s.outcomes)}`,
    `killed    ${listed(s.killed)}`,
    ...(s.crashed.length === 0 ? [] : [`crashed   ${listed(count(s.crashed))}`]),
    `settled   after ${(s.settledAfterMs / 1000).toFixed(1)} s`,
    "",
    ...s.verdicts.flatMap((verdict) => [
      `${verdict.violations.length === 0 ? (verdict.looked === 0 ? "--  " : "ok  ") : "BAD "} ${verdict.invariants.join(", ").padEnd(4)} ${String(verdict.looked).padStart(6)}  ${verdict.says}`,
      ...verdict.violations.slice(0, 20).map((violation) => `          ${violation}`),
      ...(verdict.violations.length > 20 ? [`          and ${verdict.violations.length - 20} more`] : []),
    ]),
    "",
    ...(s.ok
      ? ["No violation."]
      : [`${s.verdicts.reduce((n, verdict) => n + verdict.violations.length, 0)} violations. Everything is in ${s.kept}: data, logs, ledger. The same troubles again: npm run chaos -- --seed ${s.seed}`]),
  ];
}
