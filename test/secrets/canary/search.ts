import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import type { Redis } from "ioredis";
import type { Db } from "../../../src/db/client.ts";
import { rowsOf } from "../../../src/db/rows.ts";

/** A value that must be nowhere, and where it was planted. */
export interface Canary {
  readonly where: string;
  readonly value: string;
}

/** In clear, hex, URL encoding, and base64 wherever it begins: without the characters that depend on what is beside it. */
function needlesOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift, "-"), bytes]).toString("base64").slice(4, -4));
  return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), bytes.toString("hex"), bytes.toString("hex").toUpperCase(), ...base64, ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"))];
}

/** Looks for canaries in everything it is shown, and remembers where they were. */
export class Search {
  readonly found: string[] = [];
  searched = 0;
  readonly #needles: readonly { readonly canary: Canary; readonly bytes: Buffer }[];

  constructor(canaries: readonly Canary[]) {
    this.#needles = canaries.flatMap((canary) => [...new Set(needlesOf(canary.value))].map((needle) => ({ canary, bytes: Buffer.from(needle) })));
  }

  look(place: string, content: string | Buffer): void {
    this.searched += 1;
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    for (const needle of this.#needles) {
      const at = bytes.indexOf(needle.bytes);
      if (at !== -1) this.found.push(`${needle.canary.where} in ${place}: ${bytes.subarray(Math.max(0, at - 60), at + 20).toString("latin1")}`);
    }
  }

  /** Every file below a directory, whatever it is. */
  files(directory: string): void {
    for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile()) continue;
      try {
        if (statSync(path).size < 256 * 1024 * 1024) this.look(path, readFileSync(path));
      } catch (error) {
        // Servers are at work in here: what they removed meanwhile holds nothing.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  async redis(redis: Redis): Promise<void> {
    for (let cursor = "0"; ; ) {
      const [next, keys] = await redis.scan(cursor, "COUNT", 500);
      for (const key of keys) this.look(`redis key ${key}`, Buffer.concat([Buffer.from(key), (await redis.dumpBuffer(key)) ?? Buffer.alloc(0), Buffer.from(JSON.stringify(await contentOf(redis, key)))]));
      if (next === "0") return;
      cursor = next;
    }
  }

  /** All rows of all tables, sealed columns and all: what is sealed says nothing. */
  async rows(db: Db): Promise<void> {
    const tables = await rowsOf(db, sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`);
    for (const { name } of tables) {
      for (const row of await rowsOf(db, sql.raw(`select t::text as text, to_jsonb(t)::text as json from "${String(name)}" t`))) this.look(`row of ${String(name)}`, `${String(row["text"])} ${String(row["json"])}`);
    }
    for (const row of await rowsOf(db, sql`select execution_id, bytes from execution_output`)) this.look(`output of ${String(row["execution_id"])}`, row["bytes"] as Buffer);
  }

  /** Arguments of every process of the machine, and the environments of those of other users. */
  processes(): void {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      try {
        this.look(`arguments of ${pid}`, readFileSync(`/proc/${pid}/cmdline`));
        if (statSync(`/proc/${pid}`).uid !== process.getuid?.()) this.look(`environment of ${pid}`, readFileSync(`/proc/${pid}/environ`));
      } catch {
        // It has ended.
      }
    }
  }
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case "string":
      return redis.get(key);
    case "hash":
      return redis.hgetall(key);
    case "list":
      return redis.lrange(key, 0, -1);
    case "set":
      return redis.smembers(key);
    case "zset":
      return redis.zrange(key, "0", "-1");
    case "stream":
      return redis.xrange(key, "-", "+");
    default:
      return null;
  }
}
