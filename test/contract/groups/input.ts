import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Bench } from "../bench.ts";
import type { Lease } from "../lease.ts";

/** A text in which every byte but NUL stands that UTF-8 can carry: each lead byte, each byte that may follow one. */
const everyCharacter = [
  Array.from({ length: 0x7ff }, (_, i) => i + 1),
  Array.from({ length: 15 }, (_, i) => 0x800 + i * 0x1041).filter((code) => code < 0xd800 || code > 0xdfff),
  [0xe000, 0xfffd, 0x1_0000, 0x4_0000, 0x8_0000, 0xc_0000, 0x10_ffff],
]
  .flat()
  .map((code) => String.fromCodePoint(code))
  .join("");

const nasty = [
  "", " ", "  a  b  ", "'", "''", "'\\''", `"`, `\\"`, "\\", "\\\\n", "$HOME", "${HOME}", "`id`", "$(id)", "$((1+1))", "!!", "*", "?[a-z]", "~", "{a,b}", "-n", "-e", "--", "--help",
  "\n", "a\nb\n", "\r\n", "\t", "\x01\x7f\x1b[0m", "ünï ☃ 日本 👩‍💻", "a;b&c|d>e<f", "#x", "%s%d%%", "EOF", "\u202e", everyCharacter,
];

/** Where sh is bash, it exports its depth on every exec, and nothing can stop it. */
const withoutShell = (pairs: readonly string[]): readonly string[] => pairs.filter((pair) => pair !== "SHLVL=0");

/** What a command is given: arguments, variables, standard input, descriptors. */
export function input(bench: Bench): void {
  describe("commands: what they are given", () => {
    let lease: Lease;
    beforeAll(async () => {
      lease = await bench.lease();
    });
    const stdout = async (spec: Parameters<Lease["ran"]>[0]): Promise<string> => {
      const ran = await lease.ran(spec);
      expect(ran.status, ran.stderr.toString()).toMatchObject({ exit: { kind: "exited", code: 0 } });
      return ran.stdout.toString();
    };

    it("arguments arrive as they are", async () => {
      const said = await stdout(lease.command(["printf", "%s\\0", ...nasty]));
      expect(said.split("\0").slice(0, -1)).toEqual(nasty);
    });

    it("an argument of 100 KB", async () => {
      const long = randomBytes(75_000).toString("base64");
      expect(await stdout(lease.sh('printf %s "$1"', { argv: ["sh", "-c", 'printf %s "$1"', "sh", long] }))).toBe(long);
    });

    it("the program's name may be as nasty, and is found by a path", async () => {
      const name = `it's "$(my)" \\ prog`;
      await stdout(lease.sh(`printf '%s\\n' '#!/bin/sh' 'echo "$1"' >"$1"; chmod 755 "$1"`, { argv: ["sh", "-c", `printf '%s\\n' '#!/bin/sh' 'echo "$1"' >"$1"; chmod 755 "$1"`, "sh", name] }));
      expect(await stdout(lease.command([`./${name}`, "ok"]))).toBe("ok\n");
    });

    it("I11: variables are those given and what is documented, byte by byte, and nothing of this process's", async () => {
      const env = { ...lease.session.env, ...Object.fromEntries(nasty.map((value, i) => [`V${i}`, value])), IFS: "x", HOME: "/nowhere", ENV: "/no/such/file", PS4: "$(id)", _X1: "ü" };
      const { execution, stdout: said } = await lease.ran(lease.command(["env", "-0"], { env }));
      const seen = withoutShell(said.toString().split("\0").slice(0, -1));
      const expected = { ...env, LEASEHOLD_EXECUTION: execution.id, PWD: lease.session.seen.workspace };
      expect(seen.toSorted()).toEqual(Object.entries(expected).map(([name, value]) => `${name}=${value}`).toSorted());
      expect(Object.keys(process.env).length).toBeGreaterThan(1);
    });

    it("without a PATH of its own the command is found, and has none", async () => {
      const { execution, stdout: said } = await lease.ran(lease.command(["env"], { env: {} }));
      expect(withoutShell(said.toString().trim().split("\n")).toSorted()).toEqual([`LEASEHOLD_EXECUTION=${execution.id}`, `PWD=${lease.session.seen.workspace}`]);
    });

    it("a megabyte of variables", async () => {
      const env = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`V${i}`, randomBytes(75_000).toString("base64")]));
      const all = Object.values(env).join("");
      const said = await stdout(lease.sh('printf %s "$V0$V1$V2$V3$V4$V5$V6$V7$V8$V9" | sha256sum', { env: { ...lease.session.env, ...env } }));
      expect(said.split(" ")[0]).toBe(createHash("sha256").update(all).digest("hex"));
    });

    it("standard input: empty, or a megabyte of any bytes, or one that nobody reads", async () => {
      const stdin = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), randomBytes(1024 * 1024 - 256)]);
      const { stdout: out, stderr } = await lease.ran(lease.sh("tee /dev/stderr", { stdin }));
      expect([out.equals(stdin), stderr.equals(stdin)]).toEqual([true, true]);
      expect(await stdout(lease.command(["cat"]))).toBe("");
      expect(await stdout(lease.sh("echo ok", { stdin }))).toBe("ok\n");
    });

    it("no descriptors but the three, no signal ignored or blocked, the usual umask", async () => {
      // What this process was given open by whoever called it, it hands on to all it starts: that is no driver's doing.
      const own = bench.driver.facts.placement === "host" ? execFileSync("sh", ["-c", "ls /proc/$$/fd; :"], { stdio: ["ignore", "pipe", "ignore"] }).toString() : "";
      const fds = (await stdout(lease.sh("ls /proc/$$/fd; :"))).trim().split("\n");
      expect(fds.filter((fd) => !own.split("\n").includes(fd) && !["0", "1", "2"].includes(fd))).toEqual([]);
      expect(await stdout(lease.sh("grep -E 'SigIgn|SigBlk' /proc/self/status; umask"))).toMatch(/^SigBlk:\s0+\nSigIgn:\s0+\n0022\n$/);
    });
  });
}
