import type { Host } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson } from "../print.ts";
import { printable, sayAgo, sayState } from "../say.ts";
import { facts, table } from "../table.ts";
import { take } from "../take.ts";

export async function listHosts(options: { readonly json?: true }): Promise<number> {
  const hosts = await take((await connect()).hosts.list({ pageSize: 200 }), Infinity);
  if (options.json === true) answerJson(hosts);
  else if (hosts.length === 0) answer("There are no hosts; a worker makes its machine one: `leasehold worker`.");
  else answer(table([{ name: "NAME", gives: 2, least: 12 }, "STATE", { name: "WORKERS", right: true }, { name: "LEASES", right: true }, "SEEN", { name: "BACKENDS", gives: 1, least: 12, wrap: true }, { name: "ID", optional: 1 }], hosts.map(row)));
  return exitCodes.ok;
}

export async function showHost(name: string, options: { readonly json?: true }): Promise<number> {
  const { hosts } = await connect();
  const host = await orMeant(name, () => hosts.get(name), hosts);
  if (options.json === true) answerJson(host);
  else {
    answer(
      facts([
        ["Host", printable(host.name)],
        ["Id", host.id],
        ["State", sayHostState(host)],
        ["Backends", host.backends.join(", ")],
        ["Workers", String(host.workers)],
        ["Open leases", sayLeases(host)],
        ["Drains since", host.drainingAt],
        ["Seen", host.seenAt],
        ["Known since", host.createdAt],
      ]),
    );
  }
  return exitCodes.ok;
}

const row = (host: Host): string[] => [printable(host.name), sayHostState(host), String(host.workers), sayLeases(host), sayAgo(host.seenAt), host.backends.join(", "), host.id];

/** A silent host may be one that was drained: whoever stopped it wants to see that. */
const sayHostState = (host: Host): string => (host.state === "silent" && host.drainingAt !== null ? "silent, drained" : sayState(host.state));

/** `3`, or `3 (1 stuck)`. */
export const sayLeases = ({ openLeases, stuckLeases }: Host): string => `${openLeases}${stuckLeases === 0 ? "" : ` (${stuckLeases} stuck)`}`;
