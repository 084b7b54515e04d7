import type { Evidence } from "../evidence/evidence.ts";
import type { Check } from "./check.ts";
import { keysFirst } from "./i01-keys.ts";
import { oneResource } from "./i02-one-resource.ts";
import { openLeases } from "./i03-open-leases.ts";
import { bounded } from "./i04-bounded.ts";
import { fences } from "./i05-fences.ts";
import { starts } from "./i06-starts.ts";
import { output } from "./i07-output.ts";
import { outcomes } from "./i08-outcomes.ts";
import { gone } from "./i09-gone.ts";
import { files } from "./i10-files.ts";
import { secrets } from "./i11-secrets.ts";
import { companies } from "./i12-companies.ts";
import { accepted } from "./i13-accepted.ts";
import { foreign } from "./i14-foreign.ts";

export const allChecks: readonly Check[] = [keysFirst, oneResource, openLeases, bounded, fences, starts, output, outcomes, gone, files, secrets, companies, accepted, foreign];

export interface Verdict {
  readonly invariants: readonly string[];
  readonly says: string;
  readonly looked: number;
  readonly violations: readonly string[];
}

export async function judge(evidence: Evidence): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const check of allChecks) verdicts.push({ invariants: check.invariants, says: check.says, ...(await check.look(evidence)) });
  return verdicts;
}
