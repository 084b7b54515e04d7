import type { Activity } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";
import { printable } from "../say.ts";
import { table } from "../table.ts";
import { take } from "../take.ts";

export interface ActivityOptions {
  readonly action?: string;
  readonly entity?: string;
  readonly run?: string;
  readonly limit: number;
  readonly json?: true;
}

export async function showActivity({ limit, json, ...filters }: ActivityOptions): Promise<number> {
  const rows = await take((await connect()).activity.list({ ...filters, pageSize: Math.min(limit, 200) }), limit);
  if (json === true) answerJson(rows);
  else if (rows.length === 0) answer("Nothing of that happened.");
  else answer(table(["AT", "ACTION", "ENTITY", "DETAILS"], rows.map((row) => [row.at, row.action, row.entityId, saidOf(row)])));
  return exitCodes.ok;
}

/** `name=ci driver=local`: what there is to say, in one line. */
const saidOf = ({ details }: Activity): string =>
  Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => printable(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`))
    .join(" ");
