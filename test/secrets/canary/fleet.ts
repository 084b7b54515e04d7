import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { start } from "../../cli/cli.ts";
import { eventually } from "../../support/eventually.ts";

/** A whole fleet of one machine, as `leasehold up` makes it, with everything that it says. */
export interface UpFleet {
  readonly url: string;
  readonly token: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  said(): string;
  end(): Promise<void>;
}

export async function startUp(dataDir: string, env: Record<string, string>): Promise<UpFleet> {
  const up = start(["up", "--workers", "2"], { ...env, LEASEHOLD_DATA_DIR: dataDir, LEASEHOLD_PORT: "0" });
  let said = "";
  for (const stream of ["stdout", "stderr"] as const) up.child[stream].on("data", (piece: Buffer) => (said += piece.toString()));
  await Promise.race([
    eventually(
      () => {
        if (!said.includes("Ctrl-C stops the fleet")) throw new Error(said);
      },
      { timeoutMs: 60_000 },
    ),
    up.ended.then((end) => {
      throw new Error(`the fleet ended: ${JSON.stringify(end)}`);
    }),
  ]);
  const environment = environmentOfChild(up.child.pid ?? 0);
  return {
    url: /API +(\S+)/.exec(said)?.[1] ?? "",
    token: (await readFile(join(dataDir, "token"), "utf8")).trim(),
    databaseUrl: environment.get("DATABASE_URL") ?? "",
    redisUrl: environment.get("REDIS_URL") ?? "",
    said: () => said,
    end: async () => {
      up.child.kill("SIGTERM");
      await up.ended;
    },
  };
}

/** What a process of the fleet was given: where its services are. */
function environmentOfChild(parent: number): Map<string, string> {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) !== parent) continue;
      const pairs = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
      const environment = new Map(pairs);
      if (environment.get("DATABASE_URL")) return environment;
    } catch {
      // It has ended.
    }
  }
  throw new Error("no process of the fleet was found");
}
