import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/session/session.ts";
import { eventually } from "../support/eventually.ts";
import { first, type Lease, localLease, output, ran, sh, spoken } from "./local-lease.ts";

const MiB = 1024 * 1024;
let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

describe("I7: output is an exact prefix, complete when the command has ended", () => {
  it("I7: 64 MiB, the follower cut off twice and attached again at its offset", async () => {
    const place = lease.place();
    await place.start(first, sh(`head -c ${64 * MiB} /dev/urandom | tee ../tmp/copy`));
    const chunks: Buffer[] = [];
    let size = 0;
    for (const until of [5 * MiB, 20 * MiB, Infinity]) {
      const follow = await place.follow(first, { stdout: size, stderr: 0 });
      follow.stderr.resume();
      for await (const chunk of follow.stdout as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= until) break;
      }
      follow.detach();
      await follow.done;
    }
    expect(size).toBe(64 * MiB);
    const copy = execFileSync("sha256sum", [join(lease.session.places.tmp, "copy")]).toString().split(" ")[0];
    expect(sha256(Buffer.concat(chunks))).toBe(copy);
    expect(await place.status()).toMatchObject({ kind: "ended", sizes: { stdout: 64 * MiB, stderr: 0 }, dropped: { stdout: 0, stderr: 0 } });
  });

  it("I7: lines come as they are written", async () => {
    const place = lease.place();
    await place.start(first, sh("echo one; read -r _ <../tmp/go; echo two"));
    execFileSync("mkfifo", [join(lease.session.places.tmp, "go")]);
    const follow = await place.follow(first, { stdout: 0, stderr: 0 });
    let text = "";
    follow.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    follow.stderr.resume();
    // The command may have looked for the pipe before it was there; then it is through already.
    await eventually(() => expect(text).toMatch(/^one\n/));
    if ((await place.status()).kind === "running") execFileSync("sh", ["-c", "echo >go"], { cwd: lease.session.places.tmp });
    await follow.done;
    expect(text).toBe("one\ntwo\n");
  });

  it("I7: a limit met by many small writes", async () => {
    const { stdout, status } = await ran(lease, sh("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done", { outputLimit: 10_000 }));
    const text = Array.from({ length: 3000 }, (_, i) => `${i}\n`).join("");
    expect(stdout.toString()).toBe(text.slice(0, 10_000));
    expect(status).toMatchObject({ sizes: { stdout: 10_000 }, dropped: { stdout: text.length - 10_000 } });
  });

  it("I7: somebody who hides with the pipe in hand cannot hold the end up, and the gap is told", async () => {
    // Without cookie, in a session of its own: nobody can prove whose it is.
    const place = lease.place();
    await place.start(first, sh("echo a; env -i setsid sh -c 'echo $$; exec sleep 8' & sleep 0.2; exit 0"));
    const { stdout } = await output(place);
    expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 0 }, dropped: null });
    process.kill(Number(stdout.toString().split("\n")[1]));
  });
});

describe("I7: a disk that is full", () => {
  it("I7: the command goes on, the rest is drained, and the gap is told", async () => {
    const small = await smallDisk();
    try {
      const full = await localLease(small.path);
      try {
        const { stdout, status } = await ran({ ...full, place: (id) => full.place(id, small.session(full.session)) }, sh("yes | head -c 9000000; echo end >&2; exit 5"));
        expect(status).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 5 }, dropped: null });
        expect(stdout.length).toBeGreaterThan(0);
        expect(stdout.length).toBeLessThan(9_000_000);
        expect(stdout.toString()).toMatch(/^(y\n)*y?$/);
      } finally {
        await full.end();
      }
    } finally {
      small.remove();
    }
  });
});

/** As root a file system of 2 MiB; else a limit on the size of files, which makes writes fail the same way. */
async function smallDisk(): Promise<{ path: string; session(session: Session): Session; remove(): void }> {
  const path = mkdtempSync(join(tmpdir(), "small-"));
  const remove = () => rmSync(path, { recursive: true, force: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path], { stdio: "ignore" });
  } catch {
    return { path, remove, session: (session) => ({ ...session, open: (argv, signal) => session.open(["prlimit", "--fsize=2000000", ...argv], signal) }) };
  }
  return {
    path,
    session: (session) => session,
    remove: () => {
      execFileSync("umount", ["-l", path]);
      remove();
    },
  };
}

it("a limit on file sizes, as an ordinary user meets it", async () => {
  const limited = { ...lease.session, open: (argv: readonly string[], signal?: AbortSignal) => lease.session.open(["prlimit", "--fsize=100000", ...argv], signal) };
  const place = lease.place(undefined, limited);
  await place.start(first, sh("yes | head -c 300000; echo done >&2; exit 3"));
  const { stdout, stderr } = await output(place);
  expect(await place.status()).toMatchObject({ kind: "ended", exit: { kind: "exited", code: 3 }, sizes: { stdout: 100_000, stderr: 5 }, dropped: null });
  expect(stdout.length).toBe(100_000);
  expect(stderr.toString()).toBe("done\n");
});

it("output is kept for whom it concerns", async () => {
  const place = lease.place();
  await place.start(first, sh("echo x"));
  await spoken(place.directory);
  expect(statSync(place.directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(place.directory, "out")).mode & 0o777).toBe(0o600);
  await output(place);
});
