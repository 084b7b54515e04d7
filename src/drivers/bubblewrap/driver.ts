import { chmod, chown } from "node:fs/promises";
import { resolve } from "node:path";
import { timing } from "../../domain/defaults.ts";
import { refused } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import type { Driver } from "../driver.ts";
import { directoryLeases } from "../host-directory/leases.ts";
import { placesIn } from "../host-directory/places.ts";
import { findControlGroups, limitGroups, removeGroups, type ControlGroups } from "./cgroup.ts";
import { bubblewrapConfig } from "./config.ts";
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
  /** Directory in which an unpacked bubblewrap may be, where the system has none. */
  readonly unpacked: string;
  /** Directories of the host that environments may bind. */
  readonly binds: readonly string[];
  /** Whether environments may have the host's network. */
  readonly network: boolean;
}

/** User for looking whether it works; never a lease's. */
const probeUser = 1_899_999_999;
const day = 24 * 60 * 60 * 1000;

/** Leases on this machine that are sandboxes: a directory each, and for each command a bubblewrap over it. */
export function bubblewrapDriver(place: BubblewrapPlace): Driver {
  const root = resolve(place.root);
  // As root each lease gets a user of its own; otherwise a sandbox can only be its maker's.
  const ownUsers = process.getuid?.() === 0;
  const leases = directoryLeases({ root, installation: place.installation, mode: ownUsers ? 0o711 : 0o700, prune: () => freeForgotten(root, day) });
  const allowed = { binds: place.binds, network: place.network, ownUsers };
  let found: Promise<ControlGroups | null> | null = null;
  let program: Program | null = null;
  /** Looked for once; one that is not there may be tomorrow. */
  const findProgram = async (): Promise<Program> => (program ??= await findBubblewrap(place.unpacked));
  const controlGroups = (): Promise<ControlGroups | null> => (found ??= findControlGroups());

  /** A lease whose directory does not tell any more, or was never made, is looked for among all. */
  const usersFor = async (key: string): Promise<readonly number[]> => {
    const user = (await leases.open(key).catch(() => null))?.marker?.user;
    return user === undefined ? usersOf(root, key) : [user];
  };

  const prepare = (key: string, claimed: number[]) => async (stage: string) => {
    await makeEtc(stage);
    if (!ownUsers) return {};
    const user = await claimUser(root, key);
    claimed.push(user);
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
    inventory: leases.list,

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
      const barrier = ownUsers ? await barrierOnTheWay(root) : null;
      if (barrier !== null) throw refused("sandbox_unreachable", `sandboxes cannot reach ${root}: ${barrier} lets nobody pass. chmod o+x it, or set LEASEHOLD_DATA_DIR to a directory outside it`);
      const claimed: number[] = [];
      await leases.acquire(context, { key, labels }, prepare(key, claimed));
      // Of two that make it at once one wins; the other's user is nobody's.
      const { marker } = await leases.open(key);
      for (const user of claimed) if (user !== marker?.user) await freeUser(root, user);
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
      return bubblewrapSession({
        directory,
        config,
        program: path,
        user: marker?.user ?? null,
        groups: groups === null ? [] : await limitGroups(groups, key, config.limits),
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
      for (const user of users) await freeUser(root, user);
    },

    async close() {},
  };
}
