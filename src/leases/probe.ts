import { timing } from "../domain/defaults.ts";
import { LeaseholdError, reasonOf } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { probeAnswer, type ProbeReply } from "../domain/probe.ts";
import { plainValue } from "../domain/secret.ts";
import type { CallContext, Driver, ProbeResult } from "../drivers/driver.ts";
import type { WorkerFleet } from "./fleet.ts";

export interface Place {
  readonly backend: string;
  readonly config: unknown;
  /** Whose secrets the config refers to; null when it refers to none. */
  readonly companyId: string | null;
}

/**
 * Has a driver look at a place, for at most `limitMs`. Never throws: why it could not look is an answer too. A driver that
 * hears neither its time limit nor `stop` is left to itself.
 */
export async function probePlace(fleet: WorkerFleet, { backend, config, companyId }: Place, limitMs: number, stop: AbortSignal): Promise<ProbeReply> {
  const limit = Math.min(limitMs, timing.probe);
  const over = AbortSignal.timeout(limit);
  const log = fleet.log.child({ backend });
  const began = performance.now();
  using secrets = companyId === null ? null : fleet.secrets.ofProbe(companyId);
  const redacted = <T>(said: T): T => secrets?.known.redactAll(said) ?? said;
  const reveal: CallContext["reveal"] = secrets === null ? plainValue : (value) => secrets.reveal(value, "probe");
  try {
    const driver = fleet.driver(backend);
    const signal = AbortSignal.any([stop, over]);
    const seen = unfit(driver, config) ?? (await Promise.race([driver.probe({ signal, log, reveal }, config), fired(signal)]));
    // Only what an answer has: a driver's object may carry more, or less.
    return { answer: parse(probeAnswer, { ...redacted(seen), host: fleet.host.name, tookMs: Math.round(performance.now() - began) }, "probe") };
  } catch (error) {
    secrets?.known.redactError(error);
    if (over.aborted) return { fault: `the driver of ${backend} did not answer within ${limit} ms` };
    if (stop.aborted) return { fault: "the worker that was looking stops; ask again" };
    if (!(error instanceof LeaseholdError)) log.error({ err: error }, "driver threw an error that it should have translated");
    return { fault: `the driver of ${backend} could not look: ${reasonOf(error)}` };
  }
}

/** A config that this version's driver does not take cannot be used, however the place is. */
function unfit(driver: Driver, config: unknown): ProbeResult | null {
  try {
    parse(driver.config, config, "config");
    return null;
  } catch (error) {
    const message = reasonOf(error);
    return { ok: false, summary: `the config does not fit the driver: ${message}`, diagnostics: [{ check: "config", ok: false, message, remedy: "correct these fields of the environment's config" }] };
  }
}

/** Rejects when the signal fires. */
const fired = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const leave = (): void => reject(new Error("nobody waits any longer", { cause: signal.reason }));
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
