import { getHost, listHosts, setDraining } from "../db/hosts.ts";
import { host as hostSchema } from "../wire/host.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { idPageQuery, pageOf } from "./input.ts";
import type { ApiParts } from "./parts.ts";
import { presentHost } from "./present.ts";
import { json, nameOf, type Route, route } from "./route.ts";

const tag = "Hosts";
const who = { operators: "hosts are" };
const one = { id: nameOf("Id or name of the host") };

/** Machines that run workers. They serve every company, so they are for operators. */
export function hostRoutes({ db, log }: ApiParts): Route[] {
  const say = (path: string, summary: string, draining: boolean): Route =>
    route({ method: "POST", path, tag, summary, who, params: one, answers: { 200: json(hostSchema, "The host") }, problems: [409] }, async ({ c, identity, params }) => {
      const { id, name } = await getHost(db, params.id);
      await setDraining(db, id, draining);
      log.info({ host: id, name, company: identity.companyId, token: identity.tokenId }, draining ? "a host is to drain" : "a host is given leases again");
      return c.json(presentHost(await getHost(db, id)));
    });
  return [
    route({ method: "GET", path: "/v1/hosts", tag, summary: "List hosts", who, query: idPageQuery, answers: { 200: json(pageSchema(hostSchema), "A page of hosts") } }, async ({ c, query: { limit, cursor } }) =>
      c.json(pageOf(await listHosts(db, { limit: limit + 1, after: cursor }), limit, (row) => row.id, presentHost)),
    ),
    route({ method: "GET", path: "/v1/hosts/:id", tag, summary: "Show a host", who, params: one, answers: { 200: json(hostSchema, "The host") }, problems: [409] }, async ({ c, params: { id } }) => c.json(presentHost(await getHost(db, id)))),
    say("/v1/hosts/:id/drain", "Give a host no more leases", true),
    say("/v1/hosts/:id/undrain", "Give a host leases again", false),
  ];
}
