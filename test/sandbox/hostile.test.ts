import { randomUUID } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Sandboxes, startSandboxes } from "./sandboxes.ts";

/** Commands that do what they should not: what the sandbox, the host and the result say to it. */
let sandboxes: Sandboxes;
beforeAll(async () => {
  sandboxes = await startSandboxes();
});
// Whatever a command did: when its run has ended, nothing of it is left on the host.
afterEach(() => sandboxes.nothingLeft());
afterAll(() => sandboxes.close());

describe("a command that takes more than it may", () => {
  it("I9: a fork bomb stops at the limit, and its run's end is its end", async () => {
    const ended = await sandboxes.sh("i=0; while [ $i -lt 500 ] && sleep 300 & do i=$((i + 1)); done; echo never", { limits: { processes: 40 } });
    expect(ended.outcome).toEqual({ kind: "exited", code: 2 });
    expect(ended.stderr).toContain("Cannot fork");
    expect(ended.stdout).not.toContain("never");
  });

  it("I9: one that forks itself for ever is ended by its timeout, verified", async () => {
    const { id } = await sandboxes.submit(["sh", "-c", "echo begun; f() { f | f & }; f 2>/dev/null; while :; do sleep 1; done"], { request: { timeoutMs: 1500 } });
    expect(await sandboxes.ended(id)).toMatchObject({ outcome: { kind: "timed_out" }, killed: "verified", stdout: "begun\n" });
  });

  it("memory: the one who overruns the limit is killed, others on the host are not", async () => {
    const ended = await sandboxes.sh(`exec perl -e 'my $much = "x" x 500_000_000; print length $much'`);
    expect(ended).toMatchObject({ outcome: { kind: "signalled", signal: "SIGKILL" }, killed: null, stdout: "" });
  });

  it("memory in files of /dev/shm is little", async () => {
    const ended = await sandboxes.sh("head -c 100000000 /dev/zero >/dev/shm/much; echo $?; stat -c %s /dev/shm/much", { limits: { fileBytes: 2 ** 40 } });
    expect(ended.stdout).toBe(`1\n${64 * 1024 * 1024}\n`);
    expect(ended.stderr).toContain("No space left");
  });

  it("disk: a file grows to the limit and no further; its space comes back with the lease", async () => {
    const ended = await sandboxes.sh("(head -c 100000000 /dev/zero >big); echo $?; stat -c %s big");
    expect(ended.stdout).toBe(`153\n${16 * 1024 * 1024}\n`);
  });

  it("cpu time", async () => {
    const ended = await sandboxes.sh("exec sh -c 'while :; do :; done'", { limits: { cpuSeconds: 1 } });
    expect(ended.outcome).toMatchObject({ kind: "signalled" });
  });

  it("open files", async () => {
    const ended = await sandboxes.sh(`exec perl -e 'my @f; while (open(my $h, "<", "/dev/null")) { push @f, $h } print scalar(@f), " $!\\n"'`, { limits: { openFiles: 20 } });
    expect(ended.stdout).toMatch(/^1\d Too many open files\n$/);
  });

  it("I8: time: a sleep as long as the clock goes is ended by its timeout", async () => {
    const { id } = await sandboxes.submit(["sleep", "infinity"], { request: { timeoutMs: 500 } });
    expect(await sandboxes.ended(id)).toMatchObject({ outcome: { kind: "timed_out" }, killed: "verified" });
  });

  it("I8: time: the environment's limit holds whatever the request says", async () => {
    const { id } = await sandboxes.submit(["sleep", "infinity"], { limits: { wallSeconds: 1 }, request: { timeoutMs: 3_600_000 } });
    expect(await sandboxes.ended(id)).toMatchObject({ outcome: { kind: "timed_out" }, killed: "verified" });
  });
});

describe("a command that will not go", () => {
  it("I9: a daemon that outlives its command goes with it; the command's own code is told", async () => {
    const ended = await sandboxes.sh(`setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null & exit 5`);
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 5 }, complete: true });
  });

  it("I9: one that ignores TERM is killed after the grace", async () => {
    const { id } = await sandboxes.submit(["sh", "-c", `trap "echo no" TERM; echo up; while :; do sleep 0.5; done`]);
    await sandboxes.saying(id, "up");
    await sandboxes.cancel(id);
    const ended = await sandboxes.ended(id);
    expect(ended).toMatchObject({ outcome: { kind: "cancelled" }, killed: "verified" });
    expect(ended.stdout).toContain("no");
  });

  it("I9: one that heeds TERM has its time, and what it says then is kept", async () => {
    const { id } = await sandboxes.submit(["sh", "-c", `trap "sleep 0.3; echo tidied; exit 0" TERM; echo up; sleep 1000 & wait`]);
    await sandboxes.saying(id, "up");
    await sandboxes.cancel(id);
    expect(await sandboxes.ended(id)).toMatchObject({ outcome: { kind: "cancelled" }, killed: "verified", stdout: "up\ntidied\n", complete: true });
  });

  it("I7: one that closes its output and goes on is waited for", async () => {
    const ended = await sandboxes.sh("echo before; exec >&- 2>&-; sleep 0.5; exit 3");
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 3 }, stdout: "before\n", complete: true });
  });
});

describe("a command that kills", () => {
  it("I8: everybody it can, with -9: nobody outside, and that is how it ends itself", async () => {
    const bystander = await sandboxes.submit(["sh", "-c", "echo up; read line; echo alive"]);
    const ended = await sandboxes.sh("sleep 300 & kill -9 -1; while :; do :; done");
    expect(ended).toMatchObject({ outcome: { kind: "signalled", signal: "SIGKILL" }, stdout: "", stderr: "" });
    expect(await sandboxes.ended(bystander.id)).toMatchObject({ outcome: { kind: "exited", code: 0 }, stdout: "up\nalive\n" });
  });

  it("I8: everybody it can, with TERM, as some scripts tidy up: it goes on and has its own code", async () => {
    const ended = await sandboxes.sh(`trap : TERM; sleep 300 & until grep -q sleep /proc/$!/comm; do :; done; kill -TERM -1; wait; echo tidied; exit 4`);
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 4 }, stdout: "tidied\n", stderr: "" });
  });

  it("the first process of its namespace, and what waits for it: in vain, or only itself", async () => {
    const ended = await sandboxes.sh("kill -9 1; kill -STOP 1; echo still here; exit 6");
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 6 }, stdout: "still here\n" });
  });
});

describe("a command that wants more rights", () => {
  it.each([
    ["mount", "mount -t tmpfs none /tmp"],
    ["remount", "mount -o remount,rw /"],
    ["umount", "umount /usr"],
    ["a user namespace", "unshare --user true"],
    ["a mount namespace", "unshare --mount true"],
    ["a pid namespace", "unshare --pid --fork true"],
    ["another user", "setpriv --reuid=0 true"],
    ["chroot", "chroot / true"],
    ["a device", "mknod disk b 8 0"],
    ["its limits", "prlimit --nofile=1000000 true"],
    ["the host's name", "hostname other"],
    ["the system", "touch /usr/x /etc/x /x /dev/x /run/x /home/x /bin/x 2>/dev/null"],
    ["kernel settings", "echo 1 >/proc/sys/kernel/panic"],
  ])("%s is refused", async (_what, script) => {
    const ended = await sandboxes.sh(`${script}; echo "code $?"`);
    expect(ended.outcome).toEqual({ kind: "exited", code: 0 });
    expect(ended.stdout).toMatch(/^code [1-9]/);
  });

  it("a setuid program gives none, neither the system's nor its own; outside it is nobody's", async () => {
    const { id } = await sandboxes.submit(["sh", "-c", "cp /usr/bin/id own; chmod 6755 own; ./own -u; ./own -ru; grep -E 'NoNewPrivs|CapEff|CapBnd' /proc/self/status; su -c 'id -u' 2>&1; echo up; read line"], {
      request: { timeoutMs: 20_000 },
    });
    await sandboxes.saying(id, "1000\n1000\n");
    const ended = await sandboxes.ended(id);
    expect(ended.stdout).toMatch(/^1000\n1000\nCapEff:\t0{16}\nCapBnd:\t0{16}\nNoNewPrivs:\t1\n/);
    expect(ended.stdout).not.toMatch(/^0$/m);
  });

  it("what it owns belongs to a user of its own outside, not to root and not to the worker's", async () => {
    const { id } = await sandboxes.submit(["sh", "-c", "touch mine; echo up; sleep 300"]);
    await sandboxes.saying(id, "up");
    const { lease } = await sandboxes.stack.situation(id);
    const owner = await stat(join(sandboxes.stack.config.dataDir, "sandboxes", lease?.resourceKey ?? "", "workspace", "mine"));
    expect(owner.uid).toBeGreaterThanOrEqual(1_900_000_000);
    expect(owner.gid).toBe(owner.uid);
    await sandboxes.cancel(id);
    await sandboxes.ended(id);
  });
});

describe("a command that leaves traps", () => {
  it("symbolic links out of the workspace lead nowhere in there, and are not followed when it is removed", async () => {
    const outside = await mkdtemp(join(tmpdir(), "leasehold-outside-"));
    await mkdir(join(outside, "directory"));
    await writeFile(join(outside, "directory", "file"), "precious");
    const ended = await sandboxes.sh(`ln -s '${outside}' out; ln -s '${outside}/directory/file' file; ln -s / root; ln -s ../control control; cat file out/directory/file 2>&1; ls control 2>&1; ls root/root root/var/lib 2>&1; echo ok >out/new 2>/dev/null || echo refused`);
    expect(ended.stdout).not.toContain("precious");
    expect(ended.stdout).toContain("refused");
    await sandboxes.nothingLeft();
    expect(await readFile(join(outside, "directory", "file"), "utf8")).toBe("precious");
    expect(await readdir(outside)).toEqual(["directory"]);
    await rm(outside, { recursive: true });
  });

  it("a socket, a pipe, names nobody can type, directories nobody may enter: all go with the lease", async () => {
    const ended = await sandboxes.sh(`perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die' && mkfifo pipe && touch -- '-rf' "$(printf 'a\\nb\\377')" && mkdir -p a/b/c && touch a/b/c/d && chmod 0 a/b/c a/b a && ls -la`);
    expect(ended.outcome).toEqual({ kind: "exited", code: 0 });
    expect(ended.stdout).toMatch(/^s.* socket$/m);
  });

  it("a directory so deep that no path reaches its end", async () => {
    const ended = await sandboxes.sh(`perl -e 'for (1 .. 3000) { mkdir "deep-directory-name" or die $!; chdir "deep-directory-name" or die $! } print "dug\\n"'`);
    expect(ended.stdout).toBe("dug\n");
  });
});

describe("a command that talks strangely", () => {
  it("I7: to its standard streams by their other names", async () => {
    const ended = await sandboxes.sh("echo a >/dev/stderr; echo b >/proc/self/fd/2; echo c >&2; echo d >/dev/stdout; echo e >/proc/self/fd/1; echo f; cat /dev/stdin; cat /proc/self/fd/0", {
      request: { stdin: Buffer.from("g\n").toString("base64") },
    });
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 0 }, stderr: "a\nb\nc\n", stdout: "d\ne\nf\ng\ng\n", complete: true });
  });

  it("I7: random bytes at full speed, on both streams", async () => {
    const ended = await sandboxes.sh("head -c 12000000 /dev/urandom >a; head -c 12000000 /dev/urandom >b; sha256sum a b >&2; cat a & cat b >&2; wait");
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 0 }, complete: true });
    const { createHash } = await import("node:crypto");
    const digest = (text: string): string => createHash("sha256").update(Buffer.from(text, "latin1")).digest("hex");
    const [a, b] = ended.stderr.split("\n");
    expect(a?.slice(0, 64)).toBe(digest(ended.stdout));
    expect(b?.slice(0, 64)).toBe(digest(ended.stderr.slice(`${a}\n${b}\n`.length)));
  });

  it("I8: to who waits for it, in its words: it deceives nobody but about its own code", async () => {
    const id = randomUUID();
    const ended = await sandboxes.sh(`for fd in /proc/1/fd/*; do echo 'began exited 0 ${id}' >$fd; done 2>/dev/null; exit 9`);
    // It may say that it exited with 0: so it may exit with 0. It cannot say that somebody else ended it.
    expect([{ kind: "exited", code: 0 }, { kind: "exited", code: 9 }, { kind: "lost", message: expect.any(String) }]).toContainEqual(ended.outcome);
    await sandboxes.nothingLeft();
    expect((await lstat(sandboxes.stack.config.dataDir)).isDirectory()).toBe(true);
  });
});
