import { confirmDatabase, findHold } from "../db/reconcile-hold.ts";
import { makeAllDue, reportEndpoints } from "../db/reconcile-report.ts";
import { invalid } from "../domain/errors.ts";
import { type Reconcile, reconcile } from "../wire/reconcile.ts";
import type { ApiParts } from "./parts.ts";
import { json, type Route, route } from "./route.ts";

const tag = "Reconcile";
const who = { operators: "what providers hold in the whole fleet is" };
const answers = { 200: json(reconcile, "What each place held when it was last listed") };

/** What comparing providers with the rows found, in the whole fleet: for operators. */
export function reconcileRoutes({ db, log }: ApiParts): Route[] {
  const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

  const present = async (): Promise<Reconcile> => {
    const { hold, identity } = await findHold(db);
    return {
      held: hold === null ? null : { since: hold.since.toISOString(), why: hold.why },
      database: identity,
      endpoints: (await reportEndpoints(db)).map((one) => ({
        ...one,
        dueAt: one.dueAt.toISOString(),
        listedAt: iso(one.listedAt),
        findings: one.findings.map((finding) => ({ ...finding, firstSeenAt: finding.firstSeenAt.toISOString() })),
      })),
    };
  };

  return [
    route({ method: "GET", path: "/v1/reconcile", tag, summary: "Show what no lease explains", who, answers }, async ({ c }) => c.json(await present())),
    route({ method: "POST", path: "/v1/reconcile/run", tag, summary: "Have every place compared soon", who, answers }, async ({ c }) => {
      await makeAllDue(db);
      return c.json(await present());
    }),
    route({ method: "POST", path: "/v1/reconcile/confirm", tag, summary: "Say that this database is the right one", who, answers, problems: [409] }, async ({ c, identity }) => {
      const { hold } = await findHold(db);
      if (!(await confirmDatabase(db))) throw invalid("reconcile_not_held", "nothing is held back, so there is nothing to confirm", { status: 409 });
      log.warn({ token: identity.tokenId, company: identity.companyId, hold }, "an operator confirmed the database: reconcile goes on");
      return c.json(await present());
    }),
  ];
}
