import { execFile } from "node:child_process";
import { access, constants, statfs } from "node:fs/promises";
import { promisify } from "node:util";
import { LeaseholdError } from "../../domain/errors.ts";
import type { Diagnostic, ProbeResult } from "../driver.ts";
import { searchPath } from "../host-directory/session.ts";
import { emptySandboxArguments } from "./arguments.ts";
import type { ControlGroups } from "./cgroup.ts";
import type { BubblewrapConfig } from "./config.ts";
import { grantable, limitArguments } from "./limits.ts";
import { findBubblewrap } from "./program.ts";
import { barrierOnTheWay } from "./reach.ts";
import { asUser } from "./session.ts";

const run = promisify(execFile);

export interface Probed {
  readonly root: string;
  readonly config: BubblewrapConfig;
  /** Where an unpacked bubblewrap may be. */
  readonly unpacked: readonly string[];
  /** A user as leases get one; null where they run as the worker's. */
  readonly user: number | null;
  readonly groups: ControlGroups | null;
  /** Throws `refused` for what the environment wants and this worker does not give. */
  readonly checkWishes: () => Promise<unknown>;
  readonly signal: AbortSignal;
}

/** Says whether sandboxes work here, and which of their limits are real. Leaves nothing behind. */
export async function probeBubblewrap(place: Probed): Promise<ProbeResult> {
  const diagnostics = [await checkProgram(place), await checkRoot(place.root), await checkReach(place), await checkWishes(place), ...limitsOf(place)];
  if (diagnostics.every((d) => d.ok)) diagnostics.push(await checkSpace(place.root));
  if (diagnostics.every((d) => d.ok)) diagnostics.push(await checkSandbox(place));
  const failed = diagnostics.filter((d) => !d.ok);
  return { ok: failed.length === 0, summary: failed.length === 0 ? "sandboxes work here" : failed.map((d) => d.message).join("; "), diagnostics };
}

async function checkProgram({ unpacked }: Probed): Promise<Diagnostic> {
  try {
    const { path, version } = await findBubblewrap(unpacked);
    return { check: "bubblewrap", ok: true, message: `${path} is version ${version}` };
  } catch (error) {
    return failure("bubblewrap", error, "apt-get install -y bubblewrap (0.8 or newer)");
  }
}

async function checkReach({ root, user }: Probed): Promise<Diagnostic> {
  const barrier = user === null ? null : await barrierOnTheWay(root).catch(() => null);
  if (barrier === null) return { check: "reach", ok: true, message: `sandboxes can reach ${root}` };
  return { check: "reach", ok: false, message: `sandboxes cannot reach ${root}: ${barrier} lets nobody pass`, remedy: `chmod o+x ${barrier}, or set LEASEHOLD_DATA_DIR to a directory outside it` };
}

async function checkWishes(place: Probed): Promise<Diagnostic> {
  try {
    await place.checkWishes();
    return { check: "allowed", ok: true, message: "this worker allows what the environment wants of it" };
  } catch (error) {
    return failure("allowed", error, "change the environment, or what the worker allows");
  }
}

/** Bytes below which a run is likely to fail for want of space. */
const littleSpace = 512 * 1024 * 1024;

async function checkRoot(root: string): Promise<Diagnostic> {
  try {
    await access(`${root}/.`, constants.W_OK | constants.X_OK);
    return { check: "root", ok: true, message: `${root} can be written to` };
  } catch (error) {
    return failure("root", error, `see that ${root} is a directory that this user can write to, or set another data directory`);
  }
}

async function checkSpace(root: string): Promise<Diagnostic> {
  const { bavail, bsize } = await statfs(root);
  const message = `${sayBytes(bavail * bsize)} are free under ${root}`;
  return bavail * bsize >= littleSpace ? { check: "space", ok: true, message } : { check: "space", ok: false, message, remedy: "make room, or set another data directory" };
}

function limitsOf({ groups, user, config }: Probed): Diagnostic[] {
  const limits = grantable(config.limits);
  const whole = groups === null ? null : `whole lease, by control groups version ${groups.version}`;
  const say = (what: string, how: string): Diagnostic => ({ check: `limit ${what}`, ok: true, message: how });
  return [
    say("memory", `${sayBytes(limits.memoryBytes)} for the ${whole ?? "data of each process; not for all of them together"}`),
    say("processes", `${limits.processes} for the ${whole ?? (user === null ? "sandbox of each command" : "whole lease")}`),
    say("file size", `${sayBytes(limits.fileBytes)} for each file; how much all files take is not limited`),
    say("open files", `${limits.openFiles} for each process`),
    say("cpu time", `${limits.cpuSeconds} s for each process`),
    say("wall time", `${limits.wallSeconds} s for each command`),
  ];
}

/** The one look that tells: the kernel may refuse for many reasons, and says so only then. */
async function checkSandbox({ config, unpacked, user, groups, signal }: Probed): Promise<Diagnostic> {
  const { path } = await findBubblewrap(unpacked);
  const [program, ...args] = [...asUser(user), path, ...emptySandboxArguments(config), ...limitArguments(grantable(config.limits), groups !== null), "true"];
  try {
    await run(program, args, { env: { PATH: searchPath }, cwd: "/", signal, timeout: 20_000 });
    return { check: "sandbox", ok: true, message: "a command runs in one" };
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim().slice(0, 300) : String(error);
    return { check: "sandbox", ok: false, message: `a sandbox could not be made: ${said}`, remedy: remedyFor(said) };
  }
}

function remedyFor(said: string): string {
  if (/namespace|uid map|Operation not permitted|Permission denied/i.test(said)) {
    return "the kernel keeps user namespaces from us: try sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces=10000, kernel.apparmor_restrict_unprivileged_userns=0; a container needs to be started with --security-opt seccomp=unconfined and an unmasked /proc";
  }
  return "run the same by hand, as the worker's user: bwrap --unshare-user --unshare-pid --ro-bind / / --proc /proc true";
}

/** As people say it: in the largest unit there is one of, to a tenth. */
const sayBytes = (bytes: number): string => {
  const [unit, size] = ([["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const).find(([, least]) => bytes >= least) ?? ["bytes", 1];
  return `${Number((bytes / size).toFixed(1))} ${unit}`;
};

const failure = (check: string, error: unknown, remedy: string): Diagnostic => ({
  check,
  ok: false,
  message: error instanceof LeaseholdError || error instanceof Error ? error.message : String(error),
  remedy,
});
