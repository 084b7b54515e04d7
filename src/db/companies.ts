import { createHash, randomBytes } from "node:crypto";
import { and, asc, eq, getTableColumns, gt, type InferSelectModel, sql } from "drizzle-orm";
import { newId } from "../domain/ids.ts";
import { invalid } from "../domain/errors.ts";
import type { Db } from "./client.ts";
import { violated } from "./retry.ts";
import { apiTokens, companies, ownsSlotSql } from "./schema.ts";
import { type Token, tokenColumns } from "./tokens.ts";

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

/** Makes a company. Throws `invalid` (409) when the name is taken. */
export async function insertCompany(db: Db, row: Pick<Company, "name" | "maxLeases">): Promise<CompanyUse> {
  const [made] = await db.insert(companies).values({ id: newId(), ...row }).onConflictDoNothing({ target: companies.name }).returning();
  if (made === undefined) throw invalid("company_name_taken", `there is a company named ${row.name} already; choose another name`, { status: 409 });
  return { ...made, used: 0, waiting: 0 };
}

/** Throws `invalid` when there is no such company: a queue payload can name any. */
export async function getCompany(db: Db, id: string): Promise<Company> {
  const [row] = await db.select().from(companies).where(eq(companies.id, id));
  if (row === undefined) throw invalid("company_not_found", `no company ${id}`, { status: 404 });
  return row;
}

/** A company, and how many of its leases own a resource or may, and how many wait for one. */
export type CompanyUse = Company & { readonly used: number; readonly waiting: number };

const companyUse = {
  ...getTableColumns(companies),
  used: sql<number>`(select count(*)::int from environment_leases l where l.company_id = companies.id and ${ownsSlotSql})`,
  waiting: sql<number>`coalesce(waiting.n, 0)`,
};

/** Of all companies at once: no index finds one company's among the leases that wait for any backend. */
const waitingLeases = sql`(select company_id, count(*)::int as n from environment_leases where status = 'requested' and fence = 0 group by company_id) waiting`;
const isItsOwn = sql`waiting.company_id = companies.id`;

/** A page of all companies, by name. */
export async function listCompanies(db: Db, page: { after?: string | undefined; limit: number }): Promise<CompanyUse[]> {
  return db
    .select(companyUse)
    .from(companies)
    .leftJoin(waitingLeases, isItsOwn)
    .where(page.after === undefined ? undefined : gt(companies.name, page.after))
    .orderBy(asc(companies.name))
    .limit(page.limit);
}

/** The company of this name. Throws `invalid` (404) when there is none. */
export async function getCompanyUse(db: Db, name: string): Promise<CompanyUse> {
  // Postgres takes no NUL in a text, so no name has one.
  const [row] = name.includes("\0") ? [] : await db.select(companyUse).from(companies).leftJoin(waitingLeases, isItsOwn).where(eq(companies.name, name));
  if (row === undefined) throw invalid("company_not_found", `no company ${name}`, { status: 404 });
  return row;
}

/**
 * Bounds the leases that a company may have at once; null for as many as come. Ends nothing: a company that has more keeps
 * them, and gets no more until enough of them have ended. Throws `invalid` (404) when there is no company of this name.
 */
export async function setCompanyLimit(db: Db, name: string, maxLeases: number | null): Promise<CompanyUse> {
  const { id } = await getCompanyUse(db, name);
  await db.update(companies).set({ maxLeases }).where(eq(companies.id, id));
  return getCompanyUse(db, name);
}

/** Which environment runs get that name none; null for the company's local one. The environment must be the company's. Throws `invalid` (404) when it was deleted this moment. */
export async function setDefaultEnvironment(db: Db, companyId: string, environmentId: string | null): Promise<void> {
  try {
    await db.update(companies).set({ defaultEnvironmentId: environmentId }).where(eq(companies.id, companyId));
  } catch (cause) {
    if (violated(cause) === undefined) throw cause;
    throw invalid("environment_not_found", `environment ${environmentId} was deleted this moment`, { status: 404, cause });
  }
}

/** A new token. */
export const makeToken = (): string => `lh_${randomBytes(32).toString("base64url")}`;

/** Makes a token for a company. The token is given once; only its hash is kept. */
export async function createToken(db: Db, companyId: string, name: string, role: Identity["role"]): Promise<string> {
  const token = makeToken();
  await addToken(db, companyId, name, role, token);
  return token;
}

/** Has a token made elsewhere speak for a company. One that is known already stays as it is. Gives its row. */
export async function addToken(db: Db, companyId: string, name: string, role: Identity["role"], token: string): Promise<Token> {
  const hash = hashOf(token);
  const [made] = await db.insert(apiTokens).values({ id: newId(), companyId, name, role, hash }).onConflictDoNothing({ target: apiTokens.hash }).returning(tokenColumns);
  if (made !== undefined) return made;
  const [known] = await db.select(tokenColumns).from(apiTokens).where(eq(apiTokens.hash, hash));
  if (known === undefined) throw new Error("a token was revoked while it was added");
  return known;
}

/** Who the token speaks for, or undefined when nobody. */
export async function findIdentity(db: Db, token: string): Promise<Identity | undefined> {
  const [row] = await db
    .select({ companyId: apiTokens.companyId, tokenId: apiTokens.id, role: apiTokens.role })
    .from(apiTokens)
    .where(and(eq(apiTokens.hash, hashOf(token))));
  return row;
}
