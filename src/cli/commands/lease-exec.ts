import { timing } from "../../domain/defaults.ts";
import { acquireLease, type PlaceOptions } from "../acquire-lease.ts";
import { type CommandOptions, commandRequest } from "../command-request.ts";
import { connect } from "../connect.ts";
import { exitOf } from "../errors.ts";
import { followExecution } from "../follow-execution.ts";
import { listenForInterrupts } from "../interrupts.ts";
import { narrate, type NarrationOptions } from "../narrate.ts";
import { complain } from "../print.ts";

export interface LeaseExecOptions extends CommandOptions, PlaceOptions, NarrationOptions {
  /** An ad-hoc lease that is there; it stays. */
  readonly lease?: string;
}

/** Has a command run in an ad-hoc lease, one of its own unless told which, and stays with it to its end. Gives the exit code. */
export async function leaseExec(command: readonly string[], options: LeaseExecOptions): Promise<number> {
  const client = await connect();
  const request = await commandRequest(client, command, options);
  using interrupts = listenForInterrupts();
  const narration = narrate(options);
  if (options.lease !== undefined) {
    const execution = await client.leases.execute(options.lease, request, { signal: interrupts.left });
    return await followExecution(client, execution, interrupts, narration, false);
  }
  const held = await acquireLease(client, { ...lifeFor(options.timeout), ...options }, interrupts, narration);
  try {
    const { execution } = await held.exec(request.command, { ...request, signal: interrupts.left });
    return await followExecution(client, execution, interrupts, narration, true);
  } finally {
    // Who left does not wait for anything: nobody renews any more, and the lease expires.
    if (interrupts.left.aborted) held.leave();
    else await held.release().catch((error: unknown) => complain(`could not give lease ${held.id} back: ${exitOf(error).message}\nIt expires by itself once its command has ended.`));
  }
}

/** A lease that outlives the longest its command may take. */
function lifeFor(timeoutMs: number | undefined): PlaceOptions {
  if (timeoutMs === undefined || timeoutMs + timing.leaseMargin <= timing.adHocLife) return {};
  return { maxLife: Math.min(timing.adHocLifeMax, timeoutMs + timing.leaseMargin) };
}
