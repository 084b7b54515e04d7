import type { Company } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo } from "../say.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

export async function createCompany(name: string, { json, ...options }: { readonly maxLeases?: number; readonly json?: true }): Promise<number> {
  const c = await (await connect()).companies.create({ name, ...options });
  if (json === true) answerJson(c);
  else answer(`Company ${printable(c.name)} (${c.id}) is there. Give it a token with: leasehold company token create '${printable(c.name)}' --name NAME`);
  return exitCodes.ok;
}

export async function listCompanies(options: { readonly json?: true }): Promise<number> {
  const all = await take((await connect()).companies.list({ pageSize: 200 }), Number.POSITIVE_INFINITY);
  if (options.json === true) answerJson(all);
  else answer(table([{ name: "NAME", gives: 1, least: 12 }, ...["MAX LEASES", "USED", "WAITING"].map((name) => ({ name, right: true })), "CREATED", { name: "ID", optional: 1 }], all.map(row)));
  return exitCodes.ok;
}

const row = (c: Company): string[] => [printable(c.name), limitOf(c), String(c.usedLeases), String(c.waitingLeases), sayAgo(c.createdAt), c.id];

export async function showCompany(name: string, options: { readonly json?: true }): Promise<number> {
  const { companies } = await connect();
  const c = await orMeant(name, () => companies.get(name), companies);
  if (options.json === true) answerJson(c);
  else {
    answer(
      facts([
        ["Name", printable(c.name)],
        ["Id", c.id],
        ["Max leases", limitOf(c)],
        ["Used", String(c.usedLeases)],
        ["Waiting", String(c.waitingLeases)],
        ["Created", c.createdAt],
      ]),
    );
  }
  return exitCodes.ok;
}

export async function limitCompany(name: string, maxLeases: number | null, options: { readonly json?: true }): Promise<number> {
  const c = await (await connect()).companies.limit(name, maxLeases);
  if (options.json === true) answerJson(c);
  else if (c.maxLeases === null) answer(`Company ${printable(c.name)} may have as many leases as come.`);
  else answer(`Company ${printable(c.name)} may have ${c.maxLeases} ${c.maxLeases === 1 ? "lease" : "leases"} at once; it has ${c.usedLeases}${c.usedLeases > c.maxLeases ? ", which it keeps until they end" : ""}.`);
  return exitCodes.ok;
}

const limitOf = (c: Company): string => (c.maxLeases === null ? "unbounded" : String(c.maxLeases));
