import type { Context, Hono } from "hono";
import { getHost, listHosts, setDraining } from "../db/hosts.ts";
import { operatorsOnly } from "./authenticate.ts";
import { idPageQuery, pageOf, readNothing, readQuery } from "./input.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";
import { presentHost } from "./present.ts";

/** Machines that run workers. They serve every company, so they are for operators. */
export function hostRoutes(api: Hono<ApiEnv>, { db, log }: ApiParts): void {
  api.use("/v1/hosts/*", operatorsOnly("hosts are"));

  api.get("/v1/hosts", async (c) => {
    const { limit, cursor } = readQuery(c, idPageQuery);
    const rows = await listHosts(db, { limit: limit + 1, after: cursor });
    return c.json(pageOf(rows, limit, (row) => row.id, presentHost));
  });

  api.get("/v1/hosts/:id", async (c) => {
    readQuery(c, {});
    return c.json(presentHost(await getHost(db, c.req.param("id"))));
  });

  const say = async (c: Context<ApiEnv, "/:id">, draining: boolean): Promise<Response> => {
    readQuery(c, {});
    await readNothing(c);
    const { id, name } = await getHost(db, c.req.param("id"));
    await setDraining(db, id, draining);
    const { companyId, tokenId } = c.var.identity;
    log.info({ host: id, name, company: companyId, token: tokenId }, draining ? "a host is to drain" : "a host is given leases again");
    return c.json(presentHost(await getHost(db, id)));
  };
  api.post("/v1/hosts/:id/drain", (c) => say(c, true));
  api.post("/v1/hosts/:id/undrain", (c) => say(c, false));
}
