import type { Config } from "../config.ts";
import { openDatabase } from "../db/client.ts";
import { addToken, createToken, ensureCompany, type Identity } from "../db/companies.ts";
import { invalid } from "../domain/errors.ts";

export interface NewToken {
  readonly company: string;
  readonly name: string;
  readonly role: Identity["role"];
  /** A token that was made elsewhere; without it one is made. Asking twice for the same one changes nothing. */
  readonly token?: string;
}

/**
 * Makes a token, and its company if there is none of that name, in the configured database. For fleets without `leasehold
 * up`, which makes the first one itself. The token is given once; only its hash is kept.
 */
export async function runToken(config: Config, wanted: NewToken): Promise<{ companyId: string; token: string }> {
  if (config.databaseUrl === undefined) throw invalid("services_unconfigured", "DATABASE_URL must be set for `leasehold token`; `leasehold up` makes its own first token");
  if (wanted.token !== undefined && !/^[\x21-\x7e]{20,200}$/.test(wanted.token)) {
    throw invalid("token_invalid", "a token has 20 to 200 printable characters without spaces; leave it out to have one made");
  }
  const database = openDatabase(config.databaseUrl, { name: "token", max: 1 });
  try {
    const company = await ensureCompany(database.db, wanted.company);
    if (wanted.token === undefined) return { companyId: company.id, token: await createToken(database.db, company.id, wanted.name, wanted.role) };
    await addToken(database.db, company.id, wanted.name, wanted.role, wanted.token);
    return { companyId: company.id, token: wanted.token };
  } finally {
    await database.close();
  }
}
