import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { keyFileOf } from "../src/app/secrets.ts";
import { openDatabase } from "../src/db/client.ts";
import { rowsOf } from "../src/db/rows.ts";
import { KnownValues } from "../src/domain/known-values.ts";
import { newId } from "../src/domain/ids.ts";
import { OutputRedactor } from "../src/output/redactor.ts";
import { createSecret } from "../src/secrets/create.ts";
import { keyRing } from "../src/secrets/key-ring.ts";
import { newMasterKey } from "../src/secrets/key-file.ts";
import { workerSecrets } from "../src/secrets/lease-secrets.ts";
import { open, seal } from "../src/secrets/seal.ts";
import { openStores } from "../src/secrets/stores/open.ts";
import { type Bench, ms, percentile, timed } from "./scenario.ts";

const rounds = 300;
const atOnce = 16;
const reads = 4000;

/**
 * What a worker waits for a secret: from the reference to the value, with the access written down; beside a query of a row and
 * opening one value by themselves. And how many it reads in a second; how fast output is redacted.
 */
export const secrets: Bench = async (fleet) => {
  const database = openDatabase(fleet.config.databaseUrl ?? "", { name: "bench", max: atOnce });
  const ring = keyRing(await keyFileOf(fleet.config));
  const directory = await mkdtemp(join(fleet.config.dataDir, "secrets-"));
  await writeFile(join(directory, "token"), "x".repeat(40));
  const stores = openStores({ files: { type: "file", directory, grants: { default: ["*"] } } }, () => undefined);
  const parts = { db: database.db, ring, stores, known: new KnownValues() };
  const worker = workerSecrets(parts, "bench");
  try {
    const sealed = await createSecret(parts, fleet.companyId, { name: newId(), value: "x".repeat(40) });
    const outside = await createSecret(parts, fleet.companyId, { name: newId(), store: "files", path: "token" });
    // Each time another lease: nothing is remembered, and each is written down.
    const reveal = async (secretId: string): Promise<void> => {
      using lease = worker.of({ id: newId(), companyId: fleet.companyId });
      await lease.reveal({ type: "secret_ref", secretId, version: "latest" }, "command");
    };
    const key = newMasterKey();
    const envelope = seal(key, "x".repeat(40), ["bench"]);
    const query = (): Promise<unknown> => rowsOf(database.db, sql`select sealed, key_id from secret_versions where secret_id = ${sealed.id} and version = 1`);
    const bare = async (): Promise<void> => {
      await query();
      open(key, envelope, ["bench"]);
    };
    const times = async (work: () => Promise<unknown>): Promise<number[]> => {
      const measured: number[] = [];
      for (let i = 0; i < rounds; i += 1) measured.push(await timed(work));
      return measured;
    };
    const rate = async (work: () => Promise<unknown>): Promise<number> => {
      let left = reads;
      const took = await timed(() => Promise.all(Array.from({ length: atOnce }, async () => { while (left-- > 0) await work(); })));
      return reads / (took / 1000);
    };
    await times(bare);
    const [raw, one, file] = [await times(bare), await times(() => reveal(sealed.id)), await times(() => reveal(outside.id))];
    const [rawRate, oneRate] = [await rate(bare), await rate(() => reveal(sealed.id))];
    const opens = await timed(async () => { for (let i = 0; i < 20_000; i += 1) open(key, envelope, ["bench"]); });
    const [redacting, copying] = await redaction();
    const figure = (what: string, measured: readonly number[], p: number) => ({ what: `${what}, p${p * 100}`, measured: ms(percentile(measured, p)), raw: `${ms(percentile(raw, p))} query and AES-GCM`, ratio: percentile(measured, p) / percentile(raw, p) });
    return [
      figure("resolve, sealed here", one, 0.5),
      figure("resolve, sealed here", one, 0.95),
      figure("resolve, from a file", file, 0.5),
      { what: `sealed reads a second, ${atOnce} at once`, measured: oneRate.toFixed(0), raw: `${rawRate.toFixed(0)} query and AES-GCM`, ratio: oneRate / rawRate },
      { what: "opening alone, a second", measured: (20_000 / (opens / 1000)).toFixed(0) },
      { what: "output redacted of 5 secrets", measured: `${redacting.toFixed(0)} MiB/s`, raw: `${copying.toFixed(0)} MiB/s copied`, ratio: redacting / copying },
    ];
  } finally {
    await database.close();
    await rm(directory, { recursive: true });
  }
};

/** MiB a second, redacted and only copied, in pieces of 64 KiB. */
async function redaction(): Promise<readonly [number, number]> {
  const piece = Buffer.from("the quick brown fox jumps over the lazy dog 0123456789\n".repeat(1192).slice(0, 65_536));
  const redactor = new OutputRedactor(Array.from({ length: 5 }, () => newId()), { kept: 0, written: 0 });
  const pieces = 320;
  const redacting = await timed(async () => { for (let i = 0; i < pieces; i += 1) redactor.push(piece); });
  const copying = await timed(async () => { for (let i = 0; i < pieces; i += 1) Buffer.from(piece); });
  const size = (pieces * piece.length) / (1024 * 1024);
  return [size / (redacting / 1000), size / (copying / 1000)];
}
