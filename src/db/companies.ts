import { createHash, randomBytes } from "node:crypto";
import { and, eq, type InferSelectModel } from "drizzle-orm";
import { newId } from "../domain/ids.ts";
import { invalid } from "../domain/errors.ts";
import type { Db } from "./client.ts";
import { apiTokens, companies } from "./schema.ts";

export type Company = InferSelectModel<typeof companies>;

/** Who a bearer token speaks for. */
export interface Identity {
  readonly companyId: string;
  readonly tokenId: string;
  readonly role: "operator" | "producer";
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** The company of this name, made if it is not there. */
export async function ensureCompany(db: Db, name: string): Promise<Company> {
  await db.insert(companies).values({ id: newId(), name }).onConflictDoNothing({ target: companies.name });
  const [row] = await db.select().from(companies).where(eq(companies.name, name));
  if (row === undefined) throw new Error(`company ${name} vanished`);
  return row;
}

/** Throws `invalid` when there is no such company: a queue payload can name any. */
export async function getCompany(db: Db, id: string): Promise<Company> {
  const [row] = await db.select().from(companies).where(eq(companies.id, id));
  if (row === undefined) throw invalid("company_not_found", `no company ${id}`, { status: 404 });
  return row;
}

/** Which environment runs get that name none; null for the company's local one. The environment must be the company's. */
export async function setDefaultEnvironment(db: Db, companyId: string, environmentId: string | null): Promise<void> {
  await db.update(companies).set({ defaultEnvironmentId: environmentId }).where(eq(companies.id, companyId));
}

/** Makes a token for a company. The token is given once; only its hash is kept. */
export async function createToken(db: Db, companyId: string, name: string, role: Identity["role"]): Promise<string> {
  const token = `lh_${randomBytes(32).toString("base64url")}`;
  await addToken(db, companyId, name, role, token);
  return token;
}

/** Has a token made elsewhere speak for a company. One that is known already stays as it is. */
export async function addToken(db: Db, companyId: string, name: string, role: Identity["role"], token: string): Promise<void> {
  await db.insert(apiTokens).values({ id: newId(), companyId, name, role, hash: hashOf(token) }).onConflictDoNothing({ target: apiTokens.hash });
}

/** Who the token speaks for, or undefined when nobody. */
export async function findIdentity(db: Db, token: string): Promise<Identity | undefined> {
  const [row] = await db
    .select({ companyId: apiTokens.companyId, tokenId: apiTokens.id, role: apiTokens.role })
    .from(apiTokens)
    .where(and(eq(apiTokens.hash, hashOf(token))));
  return row;
}
