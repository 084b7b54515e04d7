import type { MiddlewareHandler } from "hono";
import { findIdentity, type Identity } from "../db/companies.ts";
import type { Db } from "../db/client.ts";
import { invalid } from "../domain/errors.ts";
import type { ApiEnv } from "./parts.ts";

/** Lets in who brings a token we know, as `Authorization: Bearer <token>`. Asked of the database each time: a revoked token is out at once. */
export const authenticate = (db: Db): MiddlewareHandler<ApiEnv> => async (c, next) => {
  c.set("identity", await identify(db, bearerToken(c.req.header("authorization"))));
  await next();
};

/** Who the token speaks for. Throws `invalid` with status 401. */
export async function identify(db: Db, token: string | undefined): Promise<Identity> {
  if (token === undefined) throw invalid("token_missing", "send a token as `Authorization: Bearer <token>`", { status: 401 });
  const identity = await findIdentity(db, token);
  if (identity === undefined) throw invalid("token_unknown", "nobody has this token; check it, or have another one made", { status: 401 });
  return identity;
}

export const bearerToken = (header: string | undefined): string | undefined => /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? "")?.[1];

/** Throws `invalid` `operator_required` (403). `what` is what is for operators only, like `the queues are`. */
export function requireOperator({ role }: Identity, what: string): void {
  if (role !== "operator") throw invalid("operator_required", `${what} for operators; use an operator's token`, { status: 403 });
}
