import { setTimeout as sleep } from "node:timers/promises";
import type { Host, Leasehold } from "../../client/index.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { listenForInterrupts } from "../interrupts.ts";
import { answer, answerJson, clearProgress, isTerminal, note, progress } from "../print.ts";
import { printable } from "../say.ts";
import { sayLeases } from "./hosts.ts";

/** Between two looks at a host that is being emptied. Milliseconds. */
const look = 1000;

export async function drainHost(name: string, options: { readonly wait?: true; readonly undo?: true; readonly json?: true }): Promise<number> {
  const client = await connect();
  const host = options.undo === true ? await client.hosts.undrain(name) : await client.hosts.drain(name);
  if (options.wait === true) return untilEmpty(client, host, options.json === true);
  if (options.json === true) answerJson(host);
  else answer(options.undo === true ? `Host ${printable(host.name)} is given new leases again.` : `Host ${printable(host.name)} is given no new leases. Open ones: ${sayLeases(host)}.`);
  return exitCodes.ok;
}

async function untilEmpty(client: Leasehold, drained: Host, json: boolean): Promise<number> {
  using interrupts = listenForInterrupts();
  const stop = new AbortController();
  interrupts.onAsked(() => stop.abort());
  interrupts.left.addEventListener("abort", () => stop.abort());
  const name = printable(drained.name);
  let host = drained;
  let said = "";
  let empty = 0;
  while (!stop.signal.aborted) {
    // A claim that was under way when the draining began may show with the next look.
    empty = host.openLeases === host.stuckLeases ? empty + 1 : 0;
    if (empty === 2) return ended(host, json);
    const state = host.state === "silent" ? "; the host is silent, and its leases end by their own expiry" : "";
    const line = `Waiting until host ${name} is empty. Open leases: ${sayLeases(host)}${state}`;
    if (isTerminal("stderr")) progress(line);
    else if (line !== said) note(line);
    said = line;
    try {
      await sleep(look, undefined, { signal: stop.signal });
      host = await client.hosts.get(drained.id, { signal: stop.signal });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  }
  note(`Not waiting any more. Host ${name} goes on draining; to end that: leasehold host drain --undo ${drained.id}`);
  return exitCodes.cancelled;
}

function ended(host: Host, json: boolean): number {
  clearProgress();
  if (json) answerJson(host);
  if (host.stuckLeases === 0) {
    if (!json) answer(`Host ${printable(host.name)} has no open lease. Its workers can be stopped.`);
    return exitCodes.ok;
  }
  note(`Host ${printable(host.name)} has only stuck leases left: ${host.stuckLeases}. See \`leasehold lease list --state stuck\`.`);
  return exitCodes.unusable;
}
