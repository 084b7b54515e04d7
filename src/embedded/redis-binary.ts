import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { reasonOf, refused } from "../domain/errors.ts";

const run = promisify(execFile);

/** Our cache of things that can be made again; the same rule as in setup.sh. */
export const cacheFolder = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "leasehold");

/** Finds redis-server or valkey-server: in PATH, else where setup.sh unpacks it. Returns the path of one that runs. */
export async function findRedis(): Promise<string> {
  const folders = (process.env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  const candidates = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), join(cacheFolder(), "redis", "redis-server")];
  const problems: string[] = [];
  for (const candidate of candidates) {
    try {
      await run(candidate, ["--version"]);
      return candidate;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") problems.push(`${candidate}: ${reasonOf(error)}`);
    }
  }
  throw refused(
    "redis_unavailable",
    "No redis-server or valkey-server was found. Run `npm run setup`, which unpacks one on Debian and Ubuntu, or install it: " +
      "apt-get install redis-server; dnf install valkey; apk add valkey; brew install valkey. " +
      "Or set REDIS_URL to a server of your own." +
      (problems.length === 0 ? "" : ` Looked at: ${problems.join("; ")}`),
  );
}

const names = ["redis-server", "valkey-server"];
