import type { NewToken } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson, note } from "../print.ts";
import { printable, sayAgo } from "../say.ts";
import { table } from "../table.ts";
import { take } from "../take.ts";

/** Only the token on stdout, for a script to take. */
export async function createToken(company: string, { json, ...wanted }: NewToken & { readonly json?: true }): Promise<number> {
  const made = await (await connect()).tokens.create(company, wanted);
  if (json === true) answerJson(made);
  else {
    answer(made.token);
    note(`That is token ${made.id}, of a${made.role === "operator" ? "n operator" : " producer"}. It is shown this once. To take it back: leasehold company token revoke '${printable(company)}' ${made.id}`);
  }
  return exitCodes.ok;
}

export async function listTokens(company: string, options: { readonly json?: true }): Promise<number> {
  const tokens = await take((await connect()).tokens.list(company, { pageSize: 200 }), Number.POSITIVE_INFINITY);
  if (options.json === true) answerJson(tokens);
  else if (tokens.length === 0) answer("This company has no tokens.");
  else answer(table(["ID", "ROLE", "CREATED", "NAME"], tokens.map((t) => [t.id, t.role, sayAgo(t.createdAt), printable(t.name)])));
  return exitCodes.ok;
}

export async function revokeToken(company: string, id: string, options: { readonly json?: true }): Promise<number> {
  const gone = await (await connect()).tokens.revoke(company, id);
  if (options.json === true) answerJson(gone);
  else answer(`Token ${printable(gone.name)} (${gone.id}) is revoked: its next request is refused.`);
  return exitCodes.ok;
}
