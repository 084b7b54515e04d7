import type { Hono } from "hono";
import { z } from "zod";
import type { Company } from "../client/wire.ts";
import { type CompanyUse, getCompanyUse, insertCompany, listCompanies, setCompanyLimit } from "../db/companies.ts";
import { parse } from "../domain/parse.ts";
import { operatorsOnly } from "./authenticate.ts";
import { printableName } from "./environment-request.ts";
import { pageOf, pageQuery, readJson, readQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

/** Leases that may own a resource at once, over all environments; null is unbounded. */
const maxLeases = z.number().int().min(1).max(1_000_000).nullable();
const wish = z.strictObject({ maxLeases });
const newCompany = z.strictObject({ name: printableName, maxLeases: maxLeases.default(null) });

/** What each company may have at once. For operators: they look after the whole fleet, and its places are shared by all companies. */
export function companyRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db } = parts;

  api.use("/v1/companies/*", operatorsOnly("companies and their limits are"));

  api.post("/v1/companies", async (c) => {
    readQuery(c, {});
    const made = await insertCompany(db, parse(newCompany, await readJson(c), "company"));
    const { name, maxLeases } = made;
    await noteActivity(parts, { companyId: made.id, action: "company.created", entityType: "company", entityId: made.id, details: { name, maxLeases, by: c.var.identity.tokenId } });
    return c.json(present(made), 201, { location: `/v1/companies/${encodeURIComponent(name)}` });
  });

  api.get("/v1/companies", async (c) => {
    const { limit, cursor } = readQuery(c, pageQuery);
    return c.json(pageOf(await listCompanies(db, { limit: limit + 1, after: cursor }), limit, (row) => row.name, present));
  });

  api.get("/v1/companies/:name", async (c) => {
    readQuery(c, {});
    return c.json(present(await getCompanyUse(db, c.req.param("name"))));
  });

  api.patch("/v1/companies/:name", async (c) => {
    readQuery(c, {});
    const { maxLeases } = parse(wish, await readJson(c), "company");
    const changed = await setCompanyLimit(db, c.req.param("name"), maxLeases);
    await noteActivity(parts, { companyId: changed.id, action: "company.limit_changed", entityType: "company", entityId: changed.id, details: { maxLeases } });
    return c.json(present(changed));
  });
}

const present = (row: CompanyUse): Company => ({
  id: row.id,
  name: row.name,
  maxLeases: row.maxLeases,
  usedLeases: row.used,
  waitingLeases: row.waiting,
  createdAt: row.createdAt.toISOString(),
});
