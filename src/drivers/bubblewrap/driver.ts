import { chmod, chown } from "node:fs/promises";
import { resolve } from "node:path";
import { timing } from "../../domain/defaults.ts";
import { isKind, LeaseholdError, refused, transient } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import type { Driver } from "../driver.ts";
import { directoryLeases } from "../host-directory/leases.ts";
import { placesIn } from "../host-directory/places.ts";
import { findControlGroups, limitGroups, removeGroups, type ControlGroups } from "./cgroup.ts";
import { bubblewrapConfig, type Limits } from "./config.ts";
import { makeEtc } from "./etc.ts";
import { readHandle } from "./handle.ts";
import { seen } from "./layout.ts";
import { probeBubblewrap } from "./probe.ts";
import { findBubblewrap, type Program } from "./program.ts";
import { barrierOnTheWay, checkWishes } from "./reach.ts";
import { bubblewrapSession } from "./session.ts";
import { endStrays } from "./strays.ts";
import { claimUser, freeForgotten, freeUser, usersOf } from "./users.ts";

export interface BubblewrapPlace {
  /** Directory that holds the leases' directories; made if it is not there. One file system. */
  readonly root: string;
  readonly installation: string;
  /** Directories in which an unpacked bubblewrap may be, where the system has none. */
  readonly unpacked: readonly string[];
  /** Directories of the host that environments may bind. */
  readonly binds: readonly string[];
  /** Whether environments may have the host's network. */
  readonly network: boolean;
  /** Directory with secrets of ours, never to be bound; `root` itself never is. */
  readonly dataDir?: string;
}

const unreachable = (cause: unknown): never => {
  throw transient("root_unreachable", "the directory that holds the leases is not there", { cause });
};

const asRefusal = (error: unknown): LeaseholdError => {
  if (error instanceof LeaseholdError && error.kind === "refused") return error;
  throw error;
};

/** User for looking whether it works; never a lease's. */
const probeUser = 1_899_999_999;
const day = 24 * 60 * 60 * 1000;

/** Leases on this machine that are sandboxes: a directory each, and for each command a bubblewrap over it. */
export function bubblewrapDriver(place: BubblewrapPlace): Driver {
  const root = resolve(place.root);
  // As root each lease gets a user of its own; otherwise a sandbox can only be its maker's.
  const ownUsers = process.getuid?.() === 0;
  const leases = directoryLeases({ provider: "bubblewrap", root, installation: place.installation, mode: ownUsers ? 0o711 : 0o700, prune: () => freeForgotten(root, day) });
  const allowed = { binds: place.binds, network: place.network, ownUsers, ours: [root, ...(place.dataDir === undefined ? [] : [place.dataDir])] };
  let found: Promise<ControlGroups | null> | null = null;
  let program: Program | null = null;
  /** Looked for once; one that is not there may be tomorrow. */
  const findProgram = async (): Promise<Program> => (program ??= await findBubblewrap(place.unpacked));
  const controlGroups = (): Promise<ControlGroups | null> => (found ??= findControlGroups());

  const usersFor = async (key: string): Promise<readonly number[]> => {
    const written = (await leases.open(key).catch(() => null))?.marker?.user;
    return [...new Set([...(written === undefined ? [] : [written]), ...(await usersOf(root, key))])];
  };

  /** For when the key is used up. */
  const freeUsers = async (key: string): Promise<void> => {
    for (const user of await usersOf(root, key)) await freeUser(root, user);
  };

  /** A release that came in between has not seen them. */
  const groupsFor = async (key: string, groups: ControlGroups, limits: Limits): Promise<readonly string[]> => {
    const made = await limitGroups(groups, key, limits);
    try {
      await leases.open(key);
    } catch (error) {
      await removeGroups(groups, key);
      throw error;
    }
    return made;
  };

  const prepare = (key: string) => async (stage: string) => {
    if (!ownUsers) return {};
    const user = await claimUser(root, key);
    const { workspace, home, tmp } = placesIn(stage);
    for (const path of [workspace, home, tmp]) await chown(path, user, user);
    // The user passes on the way to its places; it finds nothing else on it.
    await chmod(stage, 0o711);
    return { user };
  };

  return {
    kind: "sandbox",
    provider: "bubblewrap",
    facts: { isolation: "namespace", placement: "host", fencing: "enforced", maxTtlMs: null, callTimeoutMs: timing.call },
    config: bubblewrapConfig,
    inventory: leases.inventory,

    async probe(context, config) {
      const wanted = parse(bubblewrapConfig, config, "config");
      return probeBubblewrap({
        root,
        config: wanted,
        unpacked: place.unpacked,
        user: ownUsers ? probeUser : null,
        groups: await controlGroups(),
        checkWishes: () => checkWishes(wanted, allowed),
        signal: context.signal,
      });
    },

    async acquire(context, { key, config: given, labels }) {
      const config = parse(bubblewrapConfig, given, "config");
      await findProgram();
      await checkWishes(config, allowed);
      const barrier = ownUsers ? await barrierOnTheWay(root).catch(unreachable) : null;
      if (barrier !== null) throw refused("sandbox_unreachable", `sandboxes cannot reach ${root}: ${barrier} lets nobody pass. chmod o+x it, or set LEASEHOLD_DATA_DIR to a directory outside it`);
      try {
        await leases.acquire(context, { key, labels }, prepare(key));
        await makeEtc(root);
      } catch (error) {
        // Released while it was being made: nobody comes by again to give the user back.
        if (isKind(error, "gone") && ownUsers) await freeUsers(key);
        throw error;
      }
      return {
        handle: { v: 1, config },
        providerLeaseId: null,
        target: { transport: "sandbox", cwd: seen.workspace, shell: "/bin/sh" },
        metadata: { provider: "bubblewrap", network: config.network, shellCommand: "sh", remoteCwd: seen.workspace, resumedLease: false },
      };
    },

    async inspect(_context, { key, handle }) {
      readHandle(handle);
      return leases.inspect(key);
    },

    async extend(_context, { handle }, expiresAt) {
      readHandle(handle);
      return expiresAt;
    },

    async session(_context, { key, handle }) {
      const { config } = readHandle(handle);
      const { directory, marker } = await leases.open(key);
      const [{ path }, groups] = await Promise.all([findProgram(), controlGroups()]);
      // Again: what a worker allows may have changed since, and what a link leads to. What runs can be ended all the same.
      const binds = await checkWishes(config, allowed).catch(asRefusal);
      return bubblewrapSession({
        directory,
        config,
        binds,
        program: path,
        user: marker?.user ?? null,
        groups: groups === null ? [] : await groupsFor(key, groups, config.limits),
      });
    },

    async release(context, resource) {
      const { key } = resource;
      const users = ownUsers ? await usersFor(key) : [];
      await leases.release(context, resource, (directory) => endStrays(directory, users));
      // Nobody can be called in there any more; whoever still is has lost its directory.
      await endStrays(resolve(root, key), users);
      const groups = await controlGroups();
      if (groups !== null) await removeGroups(groups, key);
      // Not only those of before: an acquire that was released on its way may have come to claim one since.
      if (ownUsers) await freeUsers(key);
    },

    async close() {},
  };
}
