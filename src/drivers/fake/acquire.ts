import { gone, isKind, transient } from "../../domain/errors.ts";
import type { Labels } from "../driver.ts";
import type { FakeConfig } from "./config.ts";
import type { LeaseCalls } from "./lease-calls.ts";
import { checkOurs, toLabels } from "./ours.ts";
import { destroyed, type Sandbox } from "./provider.ts";

export interface Wanted {
  readonly labels: Labels;
  readonly expiresAt: Date;
  readonly commands: FakeConfig["commands"];
}

/**
 * Gives the key's one sandbox, at a provider that promises no such thing: looks before creating and again after, for
 * what others made, or an earlier try whose answer was lost. The lowest number wins; the others are destroyed, unless a
 * newer fence has them.
 *
 * Throws `gone` for a released key, `refused` for a foreign sandbox, `stale` for an old fence, `transient` for what
 * another try may find otherwise.
 */
export async function acquireSandbox(lease: LeaseCalls, wanted: Wanted): Promise<Sandbox> {
  const { key, fence, provider, commands } = lease;
  if (await lease.wasReleased()) throw released();
  const found = await provider.list(key);
  checkOurs(found, wanted.labels);
  if (found.length > 0) return keepOne(lease, found, null);

  const made = await provider.create({
    key,
    labels: toLabels(wanted.labels),
    expiresAt: wanted.expiresAt,
    commands: wanted.commands,
    prepare: (directory) => commands(wanted.commands).prepare(directory, fence),
  });
  const seen = await provider.list(key);
  checkOurs(seen, wanted.labels);
  if (seen.some((sandbox) => sandbox.id === made.id) || (await provider.get(key, made.id)) !== null) {
    // The listing may be behind.
    return keepOne(lease, [...seen.filter((sandbox) => sandbox.id !== made.id), made], made);
  }
  // Gone again: if it was one too many, whoever destroyed it left a lower one.
  if (seen.length === 0) throw vanished();
  return keepOne(lease, seen, null);
}

async function keepOne(lease: LeaseCalls, found: readonly Sandbox[], made: Sandbox | null): Promise<Sandbox> {
  const [winner, ...others] = found.toSorted((a, b) => a.number - b.number);
  if (winner === undefined) throw vanished();
  try {
    if (winner !== made) await adopt(lease, winner);
    for (const other of others) await destroy(lease, other);
  } catch (error) {
    // Somebody newer is at the lease: what we made is one too many.
    if (isKind(error, "stale") && made !== null) await destroy(lease, made).catch((err: unknown) => lease.log.info({ err, sandbox: made.id }, "left a sandbox to who has the lease"));
    throw error;
  }
  // A release that came in between has seen what we made, or we see its note.
  if (!(await lease.wasReleased())) return winner;
  await destroy(lease, winner);
  throw released();
}

async function adopt(lease: LeaseCalls, winner: Sandbox): Promise<void> {
  try {
    await lease.commands(winner.commands).adopt(winner.directory, lease.fence);
  } catch (error) {
    if (!isKind(error, "gone")) throw error;
    // It was on its way out, and perhaps whoever was at that died.
    await destroy(lease, winner);
    throw vanished();
  }
}

const destroy = (lease: LeaseCalls, sandbox: Sandbox): Promise<void> =>
  destroyed(lease.provider.destroy(sandbox, lease.commands(sandbox.commands).takeAway(lease.fence)));

const released = () => gone("lease_released", "this resource key was released; it never comes back");
const vanished = () => transient("sandbox_vanished", "the sandbox was there and is not any more");
