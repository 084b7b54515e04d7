import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { answer, answerJson } from "../print.ts";

export async function retryLease(id: string, options: { readonly json?: true }): Promise<number> {
  const lease = await (await connect()).leases.retry(id);
  if (options.json === true) answerJson(lease);
  else if (lease.state === "releasing") answer(`Lease ${lease.id} is being given back. See what becomes of it with: leasehold lease show ${lease.id}`);
  else answer(`Lease ${lease.id} is ${lease.state}.`);
  return exitCodes.ok;
}

export async function forgetLease(id: string, options: { readonly reason: string; readonly json?: true }): Promise<number> {
  const lease = await (await connect()).leases.forget(id, options.reason);
  if (options.json === true) answerJson(lease);
  else answer(`Lease ${lease.id} is ${lease.state}. What it held is yours now: remove it by hand where it is. \`leasehold reconcile show\` reports it as forgotten.`);
  return exitCodes.ok;
}
