import { z } from "zod";
import { type CompanyUse, getCompanyUse, insertCompany, listCompanies, setCompanyLimit } from "../db/companies.ts";
import { type Company, company as companySchema } from "../wire/company.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { printableName } from "./environment-request.ts";
import { pageOf, pageQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { json, nameOf, type Route, route } from "./route.ts";

const tag = "Companies";
const who = { operators: "companies and their limits are" };
const one = { name: nameOf("The company's name") };

/** Leases that may own a resource at once, over all environments; null is unbounded. */
const maxLeases = z.number().int().min(1).max(1_000_000).nullable();
const wish = z.strictObject({ maxLeases });
const newCompany = z.strictObject({ name: printableName, maxLeases: maxLeases.default(null) });

/** What each company may have at once. For operators: they look after the whole fleet, and its places are shared by all companies. */
export function companyRoutes(parts: ApiParts): Route[] {
  const { db } = parts;
  return [
    route(
      { method: "POST", path: "/v1/companies", tag, summary: "Make a company", who, body: { schema: newCompany, root: "company" }, answers: { 201: json(companySchema, "It is there") }, problems: [409] },
      async ({ c, identity, body }) => {
        const made = await insertCompany(db, body);
        await noteActivity(parts, { companyId: made.id, action: "company.created", entityType: "company", entityId: made.id, details: { ...body, by: identity.tokenId } });
        return c.json(present(made), 201, { location: `/v1/companies/${encodeURIComponent(made.name)}` });
      },
    ),
    route({ method: "GET", path: "/v1/companies", tag, summary: "List companies, by name", who, query: pageQuery, answers: { 200: json(pageSchema(companySchema), "A page of companies") } }, async ({ c, query: { limit, cursor } }) =>
      c.json(pageOf(await listCompanies(db, { limit: limit + 1, after: cursor }), limit, (row) => row.name, present)),
    ),
    route({ method: "GET", path: "/v1/companies/:name", tag, summary: "Show a company", who, params: one, answers: { 200: json(companySchema, "The company") } }, async ({ c, params: { name } }) =>
      c.json(present(await getCompanyUse(db, name))),
    ),
    route(
      { method: "PATCH", path: "/v1/companies/:name", tag, summary: "Limit what a company may have at once", who, params: one, body: { schema: wish, root: "company" }, answers: { 200: json(companySchema, "The company") } },
      async ({ c, params: { name }, body: { maxLeases } }) => {
        const changed = await setCompanyLimit(db, name, maxLeases);
        await noteActivity(parts, { companyId: changed.id, action: "company.limit_changed", entityType: "company", entityId: changed.id, details: { maxLeases } });
        return c.json(present(changed));
      },
    ),
  ];
}

const present = (row: CompanyUse): Company => ({
  id: row.id,
  name: row.name,
  maxLeases: row.maxLeases,
  usedLeases: row.used,
  waitingLeases: row.waiting,
  createdAt: row.createdAt.toISOString(),
});
