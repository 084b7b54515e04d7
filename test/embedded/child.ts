import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../..", import.meta.url));

export interface Child {
  pid: number;
  /** Its next line on stdout, as JSON. Throws with what it said on stderr when it ends before. */
  next(): Promise<unknown>;
  kill(): void;
  /** Its exit code, null when killed. */
  ended: Promise<number | null>;
}

export interface ChildOptions {
  /** What to put before `node`. */
  prefix?: readonly string[];
  /** Repository to run in, with its `dist`. */
  root?: string;
  env?: NodeJS.ProcessEnv;
  node?: string;
}

/** Runs an ES module in another Node process, in the repository: it imports what was built to `./dist`. */
export function startChild(module: string, { prefix = [], root = repository, env = process.env, node = process.execPath }: ChildOptions = {}): Child {
  const [file, ...args] = [...prefix, node, "--input-type=module", "-e", module];
  const child = spawn(file ?? node, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (text: Buffer) => (complaints += text.toString()));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${node}`);
  return {
    pid,
    next: async () => {
      const line = await lines.next();
      if (line.done === true) throw new Error(`the child ended: ${complaints}`);
      return JSON.parse(line.value) as unknown;
    },
    kill: () => void child.kill("SIGKILL"),
    ended: new Promise((resolve) => child.once("close", resolve)),
  };
}

/** A child that opens the services of `dataDir`, tells about them and stays. */
export const openingChild = (dataDir: string): string => `
  import { openServices } from "./dist/src/embedded/services.js";
  import { pino } from "pino";
  const services = await openServices({ dataDir: ${JSON.stringify(dataDir)}, log: pino({ level: "silent" }) });
  console.log(JSON.stringify({ ...services, postgres: services.postgres.pid, redis: services.redis.pid }));
  setInterval(() => {}, 1000);
`;

export interface Opened {
  databaseUrl: string;
  redisUrl: string;
  postgres: number;
  redis: number;
}
