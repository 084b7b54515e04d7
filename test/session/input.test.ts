import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { command, first, type Lease, localLease, output, ran, recorded, sh, spoken } from "./local-lease.ts";

let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

/** Where sh is bash, it exports its depth on every exec, and nothing can stop it. */
function forgetShell(seen: Record<string, string | undefined>): void {
  if (seen["SHLVL"] === "0") delete seen["SHLVL"];
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

it("all bytes go through standard input and come back", async () => {
  const stdin = Buffer.concat(Array.from({ length: 4096 }, () => everyByte));
  const { stdout, stderr } = await ran(lease, sh("tee /dev/stderr", { stdin }));
  expect(stdout.equals(stdin)).toBe(true);
  expect(stderr.equals(stdin)).toBe(true);
});

it("standard input that nobody reads hurts nobody; an empty one ends at once", async () => {
  expect((await ran(lease, command(["true"], { stdin: randomBytes(1024 * 1024) }))).status).toMatchObject({ exit: { code: 0 } });
  expect((await ran(lease, command(["cat"]))).stdout.length).toBe(0);
});

it("arguments arrive as they are", async () => {
  const nasty = [
    "", " ", "a b", "'", "''", `"`, "\\", "\\'", "$HOME", "`id`", "$(id)", "!!", "*", "~", "-n", "--", "a\nb", "\r", "\x01\x7f", "ünï ☃", "a;b&c|d>e", "\n", "#x", "%s%d",
  ];
  const { stdout } = await ran(lease, command(["printf", "%s\\0", ...nasty]));
  expect(stdout.toString().split("\0").slice(0, -1)).toEqual(nasty);
});

it("the environment is the given one, the cookie and PWD, and nothing else", async () => {
  const env = { PATH: "/usr/bin:/bin", EMPTY: "", QUOTES: `'"\\$x`, LINES: "a\nb\n", IFS: "x", HOME: "/nowhere", _X1: "ü" };
  const { stdout, place } = await ran(lease, command(["env", "-0"], { env }));
  const seen = Object.fromEntries(stdout.toString().split("\0").filter(Boolean).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
  forgetShell(seen);
  expect(seen).toEqual({ ...env, LEASEHOLD_EXECUTION: place.id, PWD: lease.session.places.workspace });
});

it("without a PATH of its own the command is found but gets none", async () => {
  const { stdout, place } = await ran(lease, command(["env"], { env: {} }));
  expect(stdout.toString().replace("SHLVL=0\n", "").trim().split("\n").toSorted()).toEqual([`LEASEHOLD_EXECUTION=${place.id}`, `PWD=${lease.session.places.workspace}`]);
});

it("close to 2 MB of variables", async () => {
  const env = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`V${i}`, "y".repeat(130_000)]));
  const { stdout } = await ran(lease, sh("env | wc -c", { env: { PATH: "/usr/bin:/bin", ...env } }));
  expect(Number(stdout)).toBeGreaterThan(14 * 130_000);
});

it("signals have their usual meaning, the umask and open files are the usual ones", async () => {
  const { stdout } = await ran(lease, sh("grep -E 'SigIgn|SigBlk' /proc/self/status; umask; ls /proc/self/fd"));
  // What the test process itself was given open, it hands on to everything it starts.
  const usual = execFileSync("ls", ["/proc/self/fd"], { stdio: ["ignore", "pipe", "ignore"] }).toString();
  expect(stdout.toString().replace(/^SigBlk:\s0+\nSigIgn:\s0+\n/, "")).toBe(`0022\n${usual}`);
});

it("I11: values are in no process's arguments, and in no file once the command runs", async () => {
  const place = lease.place();
  const secret = `s3cret-${place.id}`;
  await place.start(first, sh("echo ready; cat; exec sleep 100", { env: { PATH: "/bin:/usr/bin", TOKEN: secret }, stdin: Buffer.from(`${secret}\n`) }));
  await spoken(place.directory);
  const files = readdirSync(place.directory).filter((name) => !/pipe$|^out$/.test(name));
  expect(files).not.toContain("spec");
  expect(files).not.toContain("in");
  for (const name of files) expect(readFileSync(join(place.directory, name), "latin1")).not.toContain(secret);
  const commandLines = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1");
    } catch {
      return "";
    }
  });
  expect(commandLines.filter((line) => line.includes(secret))).toEqual([]);
  expect(recorded(place.directory, "pid")).toBeGreaterThan(1);
  expect(await place.kill(first, 1000)).toBe("swept");
});

it("a command sees only what was there when it began to read a program", async () => {
  writeFileSync(join(lease.session.places.workspace, "prog"), "echo no shebang $1\n", { mode: 0o755 });
  const place = lease.place();
  await place.start(first, command(["./prog", "ok"]));
  expect((await output(place)).stdout.toString()).toBe("no shebang ok\n");
});
