import { execFileSync, spawnSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));
/** Nameless, as users in containers often are. */
export const nameless = 23_457;
/** `nobody` of every system. */
export const named = 65_534;

/** As root: what makes a command run as another user. Otherwise we are an ordinary user ourselves. */
const root = process.getuid?.() === 0;
export const as = (user: number): readonly string[] => (root ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"] : []);
/** Whom we can be. */
export const ordinaryUsers: readonly number[] = root ? [named, nameless] : [process.getuid?.() ?? 0];

/** What an ordinary user can run: this repository and this node, or copies of them. */
export interface Readable {
  /** Directory that others may pass through. */
  readonly folder: string;
  readonly repository: string;
  readonly node: string;
  remove(): Promise<void>;
}

/** Whether the user can run this node with this repository: either may lie under a home that is closed to others. */
function works(node: string, path: string): boolean {
  const [file, ...args] = [...as(nameless), node, "-e", "require('pino')"];
  return spawnSync(file ?? node, args, { cwd: "/", env: { NODE_PATH: join(path, "node_modules") } }).status === 0;
}

export async function readableByAll(): Promise<Readable> {
  const folder = await mkdtemp(join(tmpdir(), "leasehold-user-"));
  await chmod(folder, 0o755);
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  if (works(process.execPath, repository)) return { folder, repository, node: process.execPath, remove };
  const copy = { node: join(folder, "node"), repository: join(folder, "repository") };
  await cp(process.execPath, copy.node);
  await mkdir(copy.repository);
  for (const name of ["package.json", "tsconfig.json", "node_modules", "dist", "src", "test"]) execFileSync("cp", ["-R", join(repository, name), copy.repository]);
  if (!works(copy.node, copy.repository)) throw new Error("an ordinary user can run neither this repository nor a copy of it");
  return { folder, ...copy, remove };
}

/** A directory of that user's own. */
export async function homeOf(user: number, { folder }: Readable): Promise<string> {
  const home = join(folder, `home-${user}`);
  await mkdir(home, { recursive: true });
  if (root) execFileSync("chown", [`${user}:${user}`, home]);
  return home;
}
