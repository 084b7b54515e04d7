import type { Fault, Faulty } from "../../src/drivers/fake/faults.ts";

/** One plan, and what a run under it is called. */
export interface FaultCase {
  readonly name: string;
  readonly faults: readonly Fault[];
  readonly commands: "real" | "instant";
}

const kinds = ["transient", "busy", "refused", "gone", "invalid", "unknown"] as const;
/** What a run calls. The others (probe, inspect, extend, inventory) no run of a moment gets to. */
const verbs = ["acquire", "session", "release", "create", "get", "list", "destroy"] as const satisfies readonly Faulty[];
type Call = Fault["call"];
const calls: readonly Call[] = [1, 2, 3];
const always: Call = [1, 1000];

function faultsAt(verb: (typeof verbs)[number], call: Call): Fault[] {
  return [
    ...kinds.map((kind): Fault => ({ verb, call, fault: "fail", kind })),
    { verb, call, fault: "lose_answer" },
    { verb, call, fault: "vanish" },
    // Always to wait for a provider that never answers takes minutes under the provider's calls; the verbs show the same.
    ...(call === always && !["acquire", "session", "release"].includes(verb) ? [] : [{ verb, call, fault: "hang" } as Fault]),
    ...(verb !== "create" ? [] : ofCreate(call)),
    ...(verb !== "list" ? [] : ([{ verb, call, fault: "list_fails" }, { verb, call, fault: "list_stale" }] as Fault[])),
  ];
}

const ofCreate = (call: Call): Fault[] => [
  { verb: "create", call, fault: "duplicate" },
  { verb: "create", call, fault: "create_late", afterCalls: 2 },
  { verb: "create", call, fault: "create_late", afterCalls: lateCalls },
];

/** More calls of the provider than a run makes: what is this late appears when the lease is over. */
export const lateCalls = 100;

const caseOf = (fault: Fault, commands: FaultCase["commands"]): FaultCase => {
  const { verb, call, fault: what, ...more } = fault;
  return { name: [commands, verb, call === always ? "always" : call, what, ...Object.values(more)].join(" "), faults: [fault], commands };
};

/**
 * Every fault at every call of the driver and of the provider, as the first, the second, the third call, and always; with real
 * commands as the first call only, for those cost most of the time and meet the later calls' faults in the same states.
 */
export const faultCases: readonly FaultCase[] = verbs.flatMap((verb) => [
  ...calls.flatMap((call) => faultsAt(verb, call)).map((fault) => caseOf(fault, "instant")),
  ...faultsAt(verb, 1).map((fault) => caseOf(fault, "real")),
  ...faultsAt(verb, always).map((fault) => caseOf(fault, "instant")),
]);
