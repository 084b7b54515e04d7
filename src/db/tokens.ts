import { and, asc, eq, gt, type InferSelectModel } from "drizzle-orm";
import { invalid } from "../domain/errors.ts";
import type { Db } from "./client.ts";
import { apiTokens } from "./schema.ts";

/** A token as it may be shown: all but its hash. */
export type Token = Omit<InferSelectModel<typeof apiTokens>, "hash">;

export const tokenColumns = { id: apiTokens.id, companyId: apiTokens.companyId, name: apiTokens.name, role: apiTokens.role, createdAt: apiTokens.createdAt };

/** A page of a company's tokens, oldest first. */
export async function listTokens(db: Db, companyId: string, page: { readonly after?: string | undefined; readonly limit: number }): Promise<Token[]> {
  return db
    .select(tokenColumns)
    .from(apiTokens)
    .where(and(eq(apiTokens.companyId, companyId), page.after === undefined ? undefined : gt(apiTokens.id, page.after)))
    .orderBy(asc(apiTokens.id))
    .limit(page.limit);
}

/**
 * Takes a company's token back: its next request is nobody's. Throws `invalid`: `token_not_found` (404), and 409 for the fleet's
 * last operator token, without which nobody could make another one here. All operator tokens are locked meanwhile: of two that
 * revoke each other, one finds out.
 */
export async function revokeToken(db: Db, companyId: string, id: string): Promise<Token> {
  return db.transaction(async (tx) => {
    const operators = await tx.select({ id: apiTokens.id }).from(apiTokens).where(eq(apiTokens.role, "operator")).orderBy(asc(apiTokens.id)).for("update");
    if (operators.length === 1 && operators[0]?.id === id) {
      throw invalid("token_last_operator", "this is the fleet's last operator token; make another one first (`leasehold company token create COMPANY --name NAME --role operator`), and revoke this one with that", { status: 409 });
    }
    const [gone] = await tx.delete(apiTokens).where(and(eq(apiTokens.companyId, companyId), eq(apiTokens.id, id))).returning(tokenColumns);
    if (gone === undefined) throw invalid("token_not_found", `no token ${id} in this company`, { status: 404 });
    return gone;
  });
}
