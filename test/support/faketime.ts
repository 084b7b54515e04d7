import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "../../src/embedded/redis-binary.ts";

const run = promisify(execFile);

/** A clock that the test sets, for processes that are started with `env`. Others keep the true one. */
export interface TestClock {
  readonly env: NodeJS.ProcessEnv;
  /** So many seconds from the true time, from now on, also for processes that run already. */
  set(offsetSeconds: number): Promise<void>;
}

/** Debian's libfaketime, in front of the wall clock only: what is measured is measured truly. */
export async function testClock(file: string): Promise<TestClock> {
  const set = async (offsetSeconds: number): Promise<void> => {
    // At once: a reader must not find half of it.
    await writeFile(`${file}.new`, `${offsetSeconds < 0 ? "" : "+"}${offsetSeconds}s\n`);
    await rename(`${file}.new`, file);
  };
  await set(0);
  return {
    env: {
      LD_PRELOAD: await library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DISABLE_SHM: "1",
      NO_FAKE_STAT: "1",
    },
    set,
  };
}

/** The system's, or one that is downloaded and unpacked into our cache: nothing is installed. */
async function library(): Promise<string> {
  const folder = join(cacheFolder(), "faketime");
  for (const root of ["/", folder]) {
    const found = await libraryIn(root);
    if (found !== null) return found;
  }
  await mkdir(dirname(folder), { recursive: true });
  const fresh = await mkdtemp(`${folder}.new-`);
  try {
    await download(fresh);
    const [deb] = (await readdir(fresh)).filter((name) => name.endsWith(".deb"));
    if (deb === undefined) throw new Error("apt-get brought no libfaketime; install it (Debian, Ubuntu: apt-get install libfaketime) to run the tests of clocks that are set");
    await run("dpkg-deb", ["-x", join(fresh, deb), join(fresh, "tree")]);
    // Two may do this at once; either result is as good.
    await rename(join(fresh, "tree"), folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  const found = await libraryIn(folder);
  if (found === null) throw new Error(`${folder} holds no libfaketime`);
  return found;
}

async function libraryIn(root: string): Promise<string | null> {
  for (const machine of await readdir(join(root, "usr/lib")).catch(() => [])) {
    // The one for programs with threads.
    const path = join(root, "usr/lib", machine, "faketime/libfaketimeMT.so.1");
    if (await access(path).then(() => true, () => false)) return path;
  }
  return null;
}

/** With the lists the system has; where they are missing or old, with fresh ones of our own. */
async function download(folder: string): Promise<void> {
  const apt = (...args: string[]) => run("apt-get", ["-q", "-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1", "-o", `Dir::Cache=${folder}/cache`, ...args], { cwd: folder });
  await mkdir(join(folder, "cache/archives/partial"), { recursive: true });
  try {
    await apt("download", "libfaketime");
  } catch {
    await mkdir(join(folder, "lists/partial"), { recursive: true });
    const lists = ["-o", `Dir::State::lists=${folder}/lists`];
    await apt(...lists, "update");
    await apt(...lists, "download", "libfaketime");
  }
}
