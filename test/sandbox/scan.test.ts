import { randomUUID } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Sandboxes, startSandboxes } from "./sandboxes.ts";

/** A look around from inside: what of the host, of other leases and of Leasehold itself a command finds. */
const canary = `canary-${randomUUID()}`;
const planted: string[] = [];
let sandboxes: Sandboxes;
let server: ReturnType<typeof createServer>;
let port: number;

beforeAll(async () => {
  // In the environment of the worker, which is this process.
  process.env["CANARY"] = canary;
  sandboxes = await startSandboxes();
  for (const directory of [homedir(), tmpdir(), "/var/tmp", "/etc", "/opt", "/srv", "/run", sandboxes.stack.config.dataDir]) {
    if (!existsSync(directory)) continue;
    const path = join(directory, `leasehold-${canary}`);
    await writeFile(path, canary);
    await chmod(path, 0o644);
    planted.push(path);
  }
  await writeFile(join(sandboxes.stack.config.dataDir, "token"), canary, { mode: 0o600 });
  server = createServer((socket) => socket.end(canary)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  await Promise.all(planted.map((path) => rm(path, { force: true })));
  server.close();
  delete process.env["CANARY"];
  await sandboxes.close();
});

it("finds no host secret, no other lease, no data directory, no environment or process of anybody", async () => {
  const neighbour = await sandboxes.submit(["sh", "-c", `echo ${canary} >secret; echo ${canary} >$HOME/secret; echo ${canary} >/tmp/secret; echo up; exec sleep 300`], { request: { env: { SECRET: canary } } });
  await sandboxes.saying(neighbour.id, "up");
  const { dataDir } = sandboxes.stack.config;
  const { lease } = await sandboxes.stack.situation(neighbour.id);
  // What looks for it does not find itself.
  const pattern = canary.replace("c", "[c]");
  const ended = await sandboxes.sh(`
    # Everything but /usr, which is the system's, and the endless files of /proc.
    grep -rlsI --exclude-dir=usr --exclude-dir=proc --exclude-dir=sys -- '${pattern}' / && echo FOUND in a file
    grep -lsa -- '${pattern}' /proc/[0-9]*/environ /proc/[0-9]*/cmdline && echo FOUND in a process
    find / -xdev -name '*${pattern}*' -not -path '/proc/*' | grep . && echo FOUND a name
    for path in '${dataDir}' '${dataDir}/sandboxes' '${dataDir}/sandboxes/${lease?.resourceKey}' /root /var/lib/leasehold /var/run/docker.sock /run/docker.sock /etc/shadow /etc/ssh /etc/sudoers /boot /sys/kernel /proc/1/root/root /lost+found; do
      [ ! -e "$path" ] || echo "FOUND $path"
    done
    echo "processes: $(ls -d /proc/[0-9]* | wc -l)"
    echo "users: $(cut -d: -f1 /etc/passwd | tr '\\n' ' ')"
    echo "roots: $(ls / | tr '\\n' ' ')"
    echo "mine: $(ls -A /workspace /home/agent /tmp | tr '\\n' ' ')"
    env | cut -d= -f1 | sort | tr '\\n' ' '
  `);
  expect(ended.stdout).not.toContain("FOUND");
  expect(ended.stderr).toBe("");
  expect(Number(/processes: (\d+)/.exec(ended.stdout)?.[1])).toBeLessThan(12);
  expect(ended.stdout).toContain("users: root agent nobody \n");
  const ours = ["bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "tmp", "usr", "var", "workspace"];
  expect(/roots: (.*)/.exec(ended.stdout)?.[1]?.trim().split(" ").filter((name) => !ours.includes(name))).toEqual([]);
  expect(ended.stdout).toContain("mine: /home/agent:  /tmp:  /workspace: \n");
  expect(ended.stdout.trim().split("\n").at(-1)?.trim().split(" ")).toEqual(["HOME", "LEASEHOLD_EXECUTION", "LEASEHOLD_LEASE", "LEASEHOLD_RUN", "PATH", "PWD", "TMPDIR"]);
  await sandboxes.cancel(neighbour.id);
  await sandboxes.ended(neighbour.id);
  await sandboxes.nothingLeft();
});

it("is told where its own home and temporary directory are, and can use them", async () => {
  const ended = await sandboxes.sh('echo "$HOME $TMPDIR $PWD"; echo kept >"$HOME/note" && cat "$HOME/note" && mktemp');
  expect(ended.stdout).toMatch(/^\/home\/agent \/tmp \/workspace\nkept\n\/tmp\/tmp\./);
  expect(ended.stderr).toBe("");
  await sandboxes.nothingLeft();
});

it("reaches no Postgres, no Redis, nobody on the host's network or sockets", async () => {
  const ports = [new URL(inject("databaseUrl")).port, new URL(inject("redisUrl")).port, String(port)];
  const ended = await sandboxes.sh(`
    for port in ${ports.join(" ")}; do perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 2) and print "REACHED $ARGV[0]\\n"' $port; done
    echo "interfaces: $(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\\n' ' ')"
    echo "sockets: $(tail -n +2 /proc/net/unix | wc -l)"
  `);
  expect(ended.stdout).toBe("interfaces: lo \nsockets: 0\n");
});

it("reaches the host's network only where environment and worker both say so", async () => {
  const connect = `exec perl -MIO::Socket::INET -e 'print readline(IO::Socket::INET->new(PeerAddr => "127.0.0.1:${port}") or die)'`;
  const refused = await sandboxes.sh(connect, { config: { network: "host" } });
  expect(refused.outcome).toMatchObject({ kind: "not_started", reason: "lease_acquire_failed", message: expect.stringContaining("LEASEHOLD_SANDBOX_NETWORK") });

  const open = await startSandboxes({ sandboxNetwork: "host" });
  try {
    expect((await open.sh(connect, { config: { network: "host" } })).stdout).toBe(canary);
    expect((await open.sh(connect)).outcome).toMatchObject({ kind: "exited" });
  } finally {
    await open.close();
  }
});

it("sees a directory of the host only where environment and worker both say so, and only to read", async () => {
  const tools = realpathSync(await mkdtemp(join(tmpdir(), "leasehold-tools-")));
  await chmod(tools, 0o755);
  await mkdir(join(tools, "bin"));
  await writeFile(join(tools, "bin", "tool"), "#!/bin/sh\necho worked\n", { mode: 0o755 });
  const look = `tool; touch ${tools}/x 2>/dev/null || echo read-only; ls /opt/tools/bin`;
  const config = { binds: [{ source: tools, target: "/opt/tools" }], path: `/opt/tools/bin:/usr/bin:/bin` };
  const refused = await sandboxes.sh(look, { config });
  expect(refused.outcome).toMatchObject({ kind: "not_started", message: expect.stringContaining("LEASEHOLD_SANDBOX_BINDS") });

  const open = await startSandboxes({ sandboxBinds: [tools] });
  try {
    expect((await open.sh(look, { config })).stdout).toBe("worked\nread-only\ntool\n");
    await chmod(tools, 0o700);
    const barred = await open.sh(look, { config });
    // As another user than ours it could be bound and not read: told before anything is made.
    if (process.getuid?.() === 0) expect(barred.outcome).toMatchObject({ kind: "not_started", message: expect.stringContaining("chmod o+x") });
    else expect(barred.outcome).toMatchObject({ kind: "exited" });
  } finally {
    await open.close();
    await rm(tools, { recursive: true });
  }
});
