import type { Hono } from "hono";
import type { Reconcile } from "../client/wire.ts";
import { confirmDatabase, findHold } from "../db/reconcile-hold.ts";
import { makeAllDue, reportEndpoints } from "../db/reconcile-report.ts";
import { invalid } from "../domain/errors.ts";
import { operatorsOnly } from "./authenticate.ts";
import { readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

/** What comparing providers with the rows found, in the whole fleet: for operators. */
export function reconcileRoutes(api: Hono<ApiEnv>, { db, log }: ApiParts): void {
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

  api.use("/v1/reconcile/*", operatorsOnly("what providers hold in the whole fleet is"));

  api.get("/v1/reconcile", async (c) => {
    readQuery(c, {});
    return c.json(await present());
  });

  api.post("/v1/reconcile/run", async (c) => {
    readQuery(c, {});
    await readNothing(c);
    await makeAllDue(db);
    return c.json(await present());
  });

  api.post("/v1/reconcile/confirm", async (c) => {
    readQuery(c, {});
    await readNothing(c);
    const { hold } = await findHold(db);
    if (!(await confirmDatabase(db))) throw invalid("reconcile_not_held", "nothing is held back, so there is nothing to confirm", { status: 409 });
    log.warn({ token: c.var.identity.tokenId, company: c.var.identity.companyId, hold }, "an operator confirmed the database: reconcile goes on");
    return c.json(await present());
  });
}
