import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { refused } from "../domain/errors.ts";
import { serverEnvironment } from "./server-environment.ts";

const run = promisify(execFile);

/**
 * What to put before a command of PostgreSQL so that it finds itself an ordinary user with a name, which it insists on. In a user
 * namespace of its own it does, while its files stay ours: no other account, no chown, and the pid is the real one.
 * Nothing, when we are an ordinary user with a name ourselves.
 */
export async function serverUser(): Promise<readonly string[]> {
  const root = process.getuid?.() === 0;
  if (!root && hasName()) return [];
  const id = await ordinaryUser();
  const [file, ...flags] = ["unshare", "--user", `--map-user=${id}`, `--map-group=${id}`, "--"] as const;
  try {
    await run(file, [...flags, "true"], { env: serverEnvironment() });
    return [file, ...flags];
  } catch (error) {
    throw refused(
      "postgres_unavailable",
      `PostgreSQL does not run as ${root ? "root" : "a user that /etc/passwd does not name"}, and this system lets no user namespace be made ` +
        "(unshare --user) to run it otherwise. Run Leasehold as an ordinary user, or allow it (in Docker: --security-opt seccomp=unconfined), " +
        "or set DATABASE_URL to a server of your own.",
      { cause: error },
    );
  }
}

/** Whether the system knows a name for our user id; containers are often run under one that has none. */
function hasName(): boolean {
  try {
    return userInfo().username !== "";
  } catch {
    return false;
  }
}

/** Any user id with a name, except root's and the one under which a namespace shows everybody else's files. */
async function ordinaryUser(): Promise<number> {
  const overflow = 65_534;
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n");
  const ids = lines.map((line) => Number(line.split(":")[2])).filter((id) => id > 0 && id !== overflow);
  return ids[0] ?? overflow;
}
