// Tries drivers against the contract: `npm run contract [-- <name or path of a subject> ...]`; without a name all of
// test/contract/subjects. Needs neither Postgres nor Redis. Ends with 1 when anything fails.
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";

const root = fileURLToPath(new URL("../..", import.meta.url));
const subjects = fileURLToPath(new URL("subjects", import.meta.url));
const known = () => readdirSync(subjects).map((name) => basename(name, ".ts"));

/** A file that is to get the report as JSON, instead of the terminal. */
const report = process.env["CONTRACT_REPORT"];
const told = process.argv.slice(2);
for (const name of told.length === 0 ? known() : told) {
  const path = known().includes(name) ? join(subjects, `${name}.ts`) : resolve(name);
  if (!existsSync(path)) {
    process.stderr.write(`there is no subject ${name}: give a path, or one of ${known().join(", ")}\n`);
    process.exit(2);
  }
  const vitest = await startVitest(
    "test",
    [],
    {
      config: false,
      root,
      watch: false,
      include: ["test/contract/chosen.ts"],
      env: { CONTRACT_SUBJECT: path },
      pool: "forks",
      testTimeout: 60_000,
      hookTimeout: 60_000,
      allowOnly: false,
      passWithNoTests: false,
      reporters: report === undefined ? ["verbose"] : [["json", { outputFile: report }]],
    },
    // Whoever runs it may not be able to write to the repository.
    { cacheDir: join(tmpdir(), `leasehold-contract-${process.getuid?.() ?? 0}`) },
  );
  await vitest.close();
}
