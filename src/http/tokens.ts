import type { Hono } from "hono";
import { z } from "zod";
import type { MadeToken, Token } from "../client/wire.ts";
import { addToken, getCompanyUse, makeToken } from "../db/companies.ts";
import { listTokens, revokeToken, type Token as TokenRow } from "../db/tokens.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";
import { parse } from "../domain/parse.ts";
import { printableName } from "./environment-request.ts";
import { idPageQuery, pageOf, readJson, readNothing, readQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiEnv, ApiParts } from "./parts.ts";

const wish = z.strictObject({
  /** What the token is for. */
  name: printableName,
  role: z.enum(["operator", "producer"], "must be operator or producer").default("producer"),
});

/** Bearer tokens of companies. Below `/v1/companies`, which is for operators. */
export function tokenRoutes(api: Hono<ApiEnv>, parts: ApiParts): void {
  const { db, log } = parts;

  const note = async (action: "company.token_created" | "company.token_revoked", row: TokenRow, by: string): Promise<void> => {
    log.info({ company: row.companyId, token: row.id, name: row.name, role: row.role, by }, action === "company.token_created" ? "a token was made" : "a token was revoked");
    await noteActivity(parts, { companyId: row.companyId, action, entityType: "api_token", entityId: row.id, details: { name: row.name, role: row.role, by } });
  };

  api.post("/v1/companies/:name/tokens", async (c) => {
    readQuery(c, {});
    const { name, role } = parse(wish, await readJson(c), "token");
    const company = await getCompanyUse(db, c.req.param("name"));
    const token = makeToken();
    const made = await addToken(db, company.id, name, role, token);
    await note("company.token_created", made, c.var.identity.tokenId);
    const answer: MadeToken = { ...present(made), token };
    return c.json(answer, 201, { "cache-control": "no-store" });
  });

  api.get("/v1/companies/:name/tokens", async (c) => {
    const { limit, cursor } = readQuery(c, idPageQuery);
    const company = await getCompanyUse(db, c.req.param("name"));
    return c.json(pageOf(await listTokens(db, company.id, { limit: limit + 1, after: cursor }), limit, (row) => row.id, present));
  });

  api.delete("/v1/companies/:name/tokens/:id", async (c) => {
    const id = c.req.param("id");
    readQuery(c, {});
    await readNothing(c);
    const company = await getCompanyUse(db, c.req.param("name"));
    if (!isId(id)) throw invalid("token_not_found", "no such token: ids are UUIDs, and the token itself is none", { status: 404 });
    const gone = await revokeToken(db, company.id, id);
    await note("company.token_revoked", gone, c.var.identity.tokenId);
    return c.json(present(gone));
  });
}

const present = (row: TokenRow): Token => ({ id: row.id, name: row.name, role: row.role, createdAt: row.createdAt.toISOString() });
