import { chmod, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findControlGroups } from "../../../src/drivers/bubblewrap/cgroup.ts";
import { bubblewrapDriver } from "../../../src/drivers/bubblewrap/driver.ts";
import { bubblewrapFolders } from "../../../src/embedded/bubblewrap-folder.ts";
import type { Subject } from "../subject.ts";
import { remainsUnder } from "../host-directory.ts";

/** bubblewrap over a directory of its own. Needs bubblewrap: without it everything fails, and says so. */
export default async function bubblewrap(): Promise<Subject> {
  const base = await mkdtemp(join(tmpdir(), "contract-bubblewrap-"));
  // The leases' own users have to pass.
  await chmod(base, 0o755);
  const place = (root: string, installation: string) => ({ root, installation, unpacked: bubblewrapFolders(), binds: [], network: false });
  const root = join(base, "sandboxes");
  const groups = await findControlGroups();
  /** Others use bubblewrap on this machine too; of ours every key has left at least a tombstone. */
  const groupsLeft = async (keys: readonly string[]): Promise<string[]> => {
    if (groups === null) return [];
    const parents = groups.version === 1 ? [groups.memory, groups.pids] : [groups.root];
    const found = await Promise.all(parents.map((parent) => readdir(join(parent, "leasehold")).catch(() => [])));
    return found.flat().flatMap((key) => (keys.includes(key) ? [`control group of ${key}`] : []));
  };
  const usersLeft = async (): Promise<string[]> => {
    const users = await readdir(join(root, ".users")).catch(() => []);
    // Of several leases at once one may be given back while we look.
    const owners = await Promise.all(users.map(async (user) => ({ user, key: await readlink(join(root, ".users", user)).catch(() => null) })));
    return owners.flatMap(({ user, key }) => (key === null ? [] : [`user ${user} of ${key}`]));
  };

  return {
    name: "bubblewrap",
    installation: "ours",
    otherInstallation: "theirs",
    open: async (installation) => bubblewrapDriver(place(root, installation)),
    opening: (installation) => ({ module: "dist/src/drivers/bubblewrap/driver.js", export: "bubblewrapDriver", argument: place(root, installation) }),
    config: { provider: "bubblewrap" },
    invalid: [
      { why: "there is no such network", config: { provider: "bubblewrap", network: "internet" }, field: "network" },
      { why: "a bind over what the sandbox has of its own", config: { provider: "bubblewrap", binds: [{ source: "/opt", target: "/proc" }] }, field: "binds.0.target" },
      { why: "too little memory for anything", config: { provider: "bubblewrap", limits: { memoryBytes: 1 } }, field: "limits.memoryBytes" },
      { why: "another provider's config", config: { provider: "docker" }, field: "provider" },
    ],
    refused: [
      { why: "the host's network, which this worker does not give", config: { provider: "bubblewrap", network: "host" } },
      { why: "a bind that this worker does not allow", config: { provider: "bubblewrap", binds: [{ source: "/usr", target: "/opt/usr" }] } },
      { why: "a bind of what is not there", config: { provider: "bubblewrap", binds: [{ source: "/no/such/thing" }] } },
    ],
    async unreachable() {
      const lost = join(await mkdtemp(join(base, "lost-")), "sandboxes");
      const driver = bubblewrapDriver(place(lost, "ours"));
      await rm(lost, { recursive: true });
      await writeFile(lost, "");
      return driver;
    },
    elsewhere: async () => bubblewrapDriver(place(join(await mkdtemp(join(base, "elsewhere-")), "sandboxes"), "ours")),
    async remains() {
      const keys = await readdir(root).catch(() => []);
      const left = (await remainsUnder(root)).filter((name) => !name.startsWith(".users/"));
      // User and control groups are part of a lease while it is there.
      const alone = [...(await usersLeft()), ...(await groupsLeft(keys))].filter((name) => !left.some((lease) => name.endsWith(` ${lease}`)));
      return [...left, ...alone];
    },
    controlWithinReach: false,
    close: () => rm(base, { recursive: true, force: true }),
  };
}
