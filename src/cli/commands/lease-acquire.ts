import { acquireLease, type PlaceOptions } from "../acquire-lease.ts";
import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { listenForInterrupts } from "../interrupts.ts";
import { narrate, type NarrationOptions } from "../narrate.ts";
import { answer, answerJson } from "../print.ts";

/** Waits for an ad-hoc lease and leaves it to the caller, who has to renew it. */
export async function acquireAndLeave(options: PlaceOptions & NarrationOptions): Promise<number> {
  const client = await connect();
  using interrupts = listenForInterrupts();
  // The answer is one line, also for programs: what it waits for goes to people only.
  const { json, ...told } = options;
  const held = await acquireLease(client, told, interrupts, narrate(told));
  held.leave();
  if (json === true) answerJson(await client.leases.get(held.id));
  else answer(held.id);
  return exitCodes.ok;
}

export async function renewLease(id: string, options: { readonly json?: true }): Promise<number> {
  const lease = await (await connect()).leases.renew(id);
  if (options.json === true) answerJson(lease);
  else answer(`Lease ${lease.id} lives until ${lease.expiresAt}.`);
  return exitCodes.ok;
}
