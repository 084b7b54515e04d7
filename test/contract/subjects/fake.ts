import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeDriver } from "../../../src/drivers/fake/driver.ts";
import { processesUnder } from "../../support/processes.ts";
import type { Subject } from "../subject.ts";

const path = "/usr/local/bin:/usr/bin:/bin";

/** The provider fake over a directory of its own, with commands as real processes and without a plan of faults. */
export default async function fake(): Promise<Subject> {
  const base = await mkdtemp(join(tmpdir(), "contract-fake-"));
  const root = join(base, "provider");
  const list = (directory: string) => readdir(join(root, directory)).catch(() => []);
  return {
    name: "fake",
    installation: "ours",
    otherInstallation: "theirs",
    open: async (installation) => fakeDriver({ root, installation, path }),
    opening: (installation) => ({ module: "dist/src/drivers/fake/driver.js", export: "fakeDriver", argument: { root, installation, path } }),
    config: { provider: "fake" },
    invalid: [
      { why: "it offers no reuse", config: { provider: "fake", reuseLease: true }, field: "reuseLease" },
      { why: "there is no such fault", config: { provider: "fake", faults: [{ verb: "acquire", call: 1, fault: "explode" }] }, field: "faults.0.fault" },
    ],
    refused: [],
    async unreachable() {
      const lost = join(await mkdtemp(join(base, "lost-")), "provider");
      const driver = fakeDriver({ root: lost, installation: "ours", path });
      await rm(lost, { recursive: true });
      await writeFile(lost, "");
      return driver;
    },
    elsewhere: async () => fakeDriver({ root: join(await mkdtemp(join(base, "elsewhere-")), "provider"), installation: "ours", path }),
    async remains() {
      const found: string[] = [];
      for (const directory of ["sandboxes", "late"]) {
        for (const key of await list(directory)) for (const id of await list(join(directory, key))) found.push(`${directory}/${key}/${id}`);
      }
      // Not .stage: what the provider had not made yet when its caller died is nobody's sandbox, and it tidies up itself.
      for (const name of await list(".trash")) found.push(`.trash/${name}`);
      return [...found.toSorted(), ...processesUnder(root).map(({ pid, command }) => `process ${pid} ${command}`)];
    },
    controlWithinReach: true,
    close: () => rm(base, { recursive: true, force: true }),
  };
}
