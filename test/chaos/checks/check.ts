import type { Evidence } from "../evidence/evidence.ts";

export interface Check {
  /** One or several, like `I3`. */
  readonly invariants: readonly string[];
  readonly says: string;
  look(evidence: Evidence): Promise<Findings> | Findings;
}

export interface Findings {
  /** How many facts were looked at: a check that saw none has shown nothing. */
  readonly looked: number;
  readonly violations: readonly string[];
}

/** Looks at each of `facts`; what `fault` says of one is a violation. */
export async function each<T>(facts: Iterable<T>, fault: (fact: T) => string | null | undefined | false | Promise<string | null | undefined | false>): Promise<Findings> {
  let looked = 0;
  const violations: string[] = [];
  for (const fact of facts) {
    looked += 1;
    const said = await fault(fact);
    if (typeof said === "string") violations.push(said);
  }
  return { looked, violations };
}

export const together = (...parts: readonly Findings[]): Findings => ({ looked: parts.reduce((n, p) => n + p.looked, 0), violations: parts.flatMap((p) => p.violations) });
