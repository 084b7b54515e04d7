import { dirname } from "node:path";
import { placesIn } from "../host-directory/places.ts";
import type { BubblewrapConfig } from "./config.ts";
import { etcArguments } from "./etc.ts";
import { insider, seen, sharedMemory } from "./layout.ts";
import type { Bind } from "./reach.ts";
import { networkArguments, systemArguments } from "./system.ts";

/** bubblewrap's arguments for a command in a lease's directory. Its own words end with `--`. */
export function sandboxArguments(directory: string, config: Pick<BubblewrapConfig, "network"> & Binds): readonly string[] {
  const network = config.network === "host" ? networkArguments() : [];
  const { workspace, home, tmp } = placesIn(directory);
  return [
    isolation(config),
    systemArguments(),
    network,
    etcArguments(dirname(directory), network),
    ["--proc", "/proc", "--dev", "/dev", "--size", String(sharedMemory), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
    bindArguments(config),
    ["--perms", "0755", "--dir", "/home", "--bind", home, seen.home, "--bind", workspace, seen.workspace, "--bind", tmp, seen.tmp],
    ["--perms", "0755", "--dir", "/var", "--symlink", seen.tmp, "/var/tmp", "--perms", "0755", "--dir", "/run"],
    ["--remount-ro", "/", "--chdir", seen.workspace, "--json-status-fd", "6", "--"],
  ].flat();
}

/** The same without a lease: for looking whether it works at all. */
export const emptySandboxArguments = (config: BubblewrapConfig): readonly string[] =>
  [isolation(config), systemArguments(), ["--proc", "/proc", "--dev", "/dev", "--tmpfs", seen.tmp], bindArguments(config), ["--remount-ro", "/", "--"]].flat();

interface Binds {
  readonly binds: readonly Bind[];
}

const isolation = (config: Pick<BubblewrapConfig, "network">): readonly string[] =>
  [
    ["--unshare-user", "--uid", String(insider), "--gid", String(insider), "--disable-userns"],
    ["--unshare-pid", "--as-pid-1", "--unshare-ipc", "--unshare-uts", "--hostname", "leasehold", "--unshare-cgroup-try"],
    config.network === "host" ? [] : ["--unshare-net"],
    ["--new-session", "--die-with-parent"],
    // One that was unpacked finds its libraries by it. What the command is given of that name it gets later.
    ["--unsetenv", "LD_LIBRARY_PATH"],
  ].flat();

const bindArguments = ({ binds }: Binds): readonly string[] => binds.flatMap(({ source, target }) => ["--ro-bind", source, target ?? source]);
