import { join } from "node:path";
import type { Db } from "../../db/client.ts";
import { createToken, ensureCompany, findIdentity } from "../../db/companies.ts";
import { readIfThere, writePrivate } from "../../embedded/private-file.ts";

/** Where the first token of an installation lies, for the command line to find. */
export const tokenFile = (dataDir: string): string => join(dataDir, "token");

/** The first company and its operator's token: the one on file if the database knows it, else a new one (mode 0600). */
export async function ensureToken(db: Db, dataDir: string): Promise<{ companyId: string; token: string }> {
  const company = await ensureCompany(db, "default");
  const known = (await readIfThere(tokenFile(dataDir)))?.trim();
  if (known !== undefined && (await findIdentity(db, known)) !== undefined) return { companyId: company.id, token: known };
  const token = await createToken(db, company.id, "made by leasehold up", "operator");
  await writePrivate(tokenFile(dataDir), `${token}\n`);
  return { companyId: company.id, token };
}
