import { z } from "zod";
import { addToken, getCompanyUse, makeToken } from "../db/companies.ts";
import { listTokens, revokeToken, type Token as TokenRow } from "../db/tokens.ts";
import { invalid } from "../domain/errors.ts";
import { isId } from "../domain/ids.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { type MadeToken, madeToken, type Token, token as tokenSchema, tokenRoles } from "../wire/token.ts";
import { printableName } from "./environment-request.ts";
import { idPageQuery, pageOf } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { json, nameOf, type PathParam, type Route, route } from "./route.ts";

const wish = z.strictObject({
  /** What the token is for. */
  name: printableName,
  role: z.enum(tokenRoles, "must be operator or producer").default("producer"),
});

const tag = "Companies";
const who = { operators: "tokens are" };
const company = nameOf("The company's name");
const path = "/v1/companies/:name/tokens";
const id: PathParam = {
  schema: z.uuid(),
  read: (text) => {
    if (!isId(text)) throw invalid("token_not_found", "no such token: ids are UUIDs, and the token itself is none", { status: 404 });
    return text;
  },
};

/** Bearer tokens of companies. */
export function tokenRoutes(parts: ApiParts): Route[] {
  const { db, log } = parts;

  const note = async (action: "company.token_created" | "company.token_revoked", row: TokenRow, by: string): Promise<void> => {
    log.info({ company: row.companyId, token: row.id, name: row.name, role: row.role, by }, action === "company.token_created" ? "a token was made" : "a token was revoked");
    await noteActivity(parts, { companyId: row.companyId, action, entityType: "api_token", entityId: row.id, details: { name: row.name, role: row.role, by } });
  };

  return [
    route(
      { method: "POST", path, tag, summary: "Make a token", who, params: { name: company }, body: { schema: wish, root: "token" }, answers: { 201: json(madeToken, "The token, this once") } },
      async ({ c, identity, params, body: { name, role } }) => {
        const owner = await getCompanyUse(db, params.name);
        const token = makeToken();
        const made = await addToken(db, owner.id, name, role, token);
        await note("company.token_created", made, identity.tokenId);
        return c.json({ ...present(made), token } satisfies MadeToken, 201, { "cache-control": "no-store" });
      },
    ),
    route(
      { method: "GET", path, tag, summary: "List a company's tokens, oldest first", who, params: { name: company }, query: idPageQuery, answers: { 200: json(pageSchema(tokenSchema), "A page of tokens, without what they are") } },
      async ({ c, params: { name }, query: { limit, cursor } }) => {
        const owner = await getCompanyUse(db, name);
        return c.json(pageOf(await listTokens(db, owner.id, { limit: limit + 1, after: cursor }), limit, (row) => row.id, present));
      },
    ),
    route(
      { method: "DELETE", path: `${path}/:id`, tag, summary: "Revoke a token: its next request is nobody's", who, params: { name: company, id }, answers: { 200: json(tokenSchema, "The token as it was") }, problems: [409] },
      async ({ c, identity, params }) => {
        const owner = await getCompanyUse(db, params.name);
        const gone = await revokeToken(db, owner.id, params.id);
        await note("company.token_revoked", gone, identity.tokenId);
        return c.json(present(gone));
      },
    ),
  ];
}

const present = (row: TokenRow): Token => ({ id: row.id, name: row.name, role: row.role, createdAt: row.createdAt.toISOString() });
