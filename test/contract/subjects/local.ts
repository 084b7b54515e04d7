import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localDriver } from "../../../src/drivers/local/driver.ts";
import type { Subject } from "../subject.ts";
import { remainsUnder } from "../host-directory.ts";

/** The local driver over a directory of its own. */
export default async function local(): Promise<Subject> {
  const base = await mkdtemp(join(tmpdir(), "contract-local-"));
  const root = join(base, "leases");
  return {
    name: "local",
    installation: "ours",
    otherInstallation: "theirs",
    open: async (installation) => localDriver({ root, installation }),
    opening: (installation) => ({ module: "dist/src/drivers/local/driver.js", export: "localDriver", argument: { root, installation } }),
    config: {},
    invalid: [{ why: "there is nothing to set", config: { host: "x" }, field: "host" }],
    refused: [],
    async unreachable() {
      const lost = join(await mkdtemp(join(base, "lost-")), "leases");
      const driver = localDriver({ root: lost, installation: "ours" });
      await rm(lost, { recursive: true });
      await writeFile(lost, "");
      return driver;
    },
    elsewhere: async () => localDriver({ root: join(await mkdtemp(join(base, "elsewhere-")), "leases"), installation: "ours" }),
    remains: () => remainsUnder(root),
    controlWithinReach: true,
    close: () => rm(base, { recursive: true, force: true }),
  };
}
