import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Host } from "../../src/client/index.ts";
import { beatWorker } from "../../src/db/workers.ts";
import { newId } from "../../src/domain/ids.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { insertLeaseIn } from "../support/lease-rows.ts";
import { leasehold, start } from "./cli.ts";

let server: ApiServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.operator };
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await server.db.execute(sql`truncate hosts, workers`);
  await server.db.execute(sql`delete from environment_leases`);
});

const host = async (name: string): Promise<string> => {
  const id = newId();
  await beatWorker(server.db, { id: newId(), host: id, hostName: name, pid: 1, version: "0", backends: ["local", "ssh"] });
  return id;
};
const json = <T>({ stdout }: { stdout: string }): T => JSON.parse(stdout) as T;

describe("leasehold host", () => {
  it("lists and shows, to people and to programs", async () => {
    expect(await leasehold(["host", "list"], env)).toMatchObject({ code: 0, stdout: "There are no hosts; a worker makes its machine one: `leasehold worker`.\n" });
    const id = await host("worker-3");
    await insertLeaseIn(server.db, server.acme.id, { state: "active", patch: { host: id } });
    await insertLeaseIn(server.db, server.acme.id, { state: "stuck", patch: { host: id } });
    const list = await leasehold(["host", "list"], env);
    expect([list.code, list.stderr]).toEqual([0, ""]);
    expect(list.stdout).toMatch(new RegExp(`^NAME +STATE +WORKERS +LEASES +SEEN +BACKENDS +ID\\nworker-3 +alive +1 +2 \\(1 stuck\\) +(\\S+ ago|now) +local, ssh +${id}\\n$`));
    expect(json<Host[]>(await leasehold(["host", "list", "--json"], env))).toMatchObject([{ id, openLeases: 2 }]);
    expect((await leasehold(["host", "show", "worker-3"], env)).stdout).toMatch(/Open leases +2 \(1 stuck\)\n/);
    expect(json<Host>(await leasehold(["host", "show", id, "--json"], env))).toMatchObject({ id, name: "worker-3" });
  });

  it("drains and undoes it", async () => {
    await host("worker-3");
    expect(await leasehold(["host", "drain", "worker-3"], env)).toMatchObject({ code: 0, stdout: "Host worker-3 is given no new leases. Open ones: 0.\n" });
    await server.db.execute(sql`update workers set beat_at = clock_timestamp() - interval '1 minute'`);
    await server.db.execute(sql`update hosts set beat_at = clock_timestamp() - interval '1 minute'`);
    expect((await leasehold(["host", "list"], env)).stdout).toContain("silent, drained");
    expect(await leasehold(["host", "drain", "--undo", "worker-3"], env)).toMatchObject({ code: 0, stdout: "Host worker-3 is given new leases again.\n" });
    expect(json<Host>(await leasehold(["host", "show", "worker-3", "--json"], env)).drainingAt).toBeNull();
  });

  it("waits until the host is empty, saying what is left", async () => {
    const id = await host("worker-3");
    const leases = await Promise.all([1, 2].map(() => insertLeaseIn(server.db, server.acme.id, { state: "active", patch: { host: id } })));
    const waiting = start(["host", "drain", "worker-3", "--wait"], env);
    await waiting.seen("stderr", "Waiting until host worker-3 is empty. Open leases: 2\n");
    await server.db.execute(sql`delete from environment_leases where id = ${leases[0]?.id}`);
    await waiting.seen("stderr", "Open leases: 1\n");
    await server.db.execute(sql`delete from environment_leases`);
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: "Host worker-3 has no open lease. Its workers can be stopped.\n" });
    expect(json<Host>(await leasehold(["host", "drain", "worker-3", "--wait", "--json"], env))).toMatchObject({ id, state: "draining", openLeases: 0 });
  });

  it("does not wait for what is stuck", async () => {
    await insertLeaseIn(server.db, server.acme.id, { state: "stuck", patch: { host: await host("worker-3") } });
    expect(await leasehold(["host", "drain", "worker-3", "--wait"], env)).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("has only stuck leases left: 1. See `leasehold lease list --state stuck`.") as string });
  });

  it.each(["SIGINT", "SIGTERM"] as const)("%s stops waiting, not draining", async (signal) => {
    const id = await host("worker-3");
    await insertLeaseIn(server.db, server.acme.id, { state: "active", patch: { host: id } });
    const waiting = start(["host", "drain", "worker-3", "--wait"], env);
    await waiting.seen("stderr", "Open leases: 1");
    waiting.child.kill(signal);
    expect(await waiting.ended).toMatchObject({ code: 130, stderr: expect.stringContaining(`goes on draining; to end that: leasehold host drain --undo ${id}`) as string });
    expect(json<Host>(await leasehold(["host", "show", id, "--json"], env)).state).toBe("draining");
  });

  it("says what is wrong", async () => {
    const [one, two] = [await host("same"), await host("same")];
    const ambiguous = await leasehold(["host", "drain", "same"], env);
    expect([ambiguous.code, ambiguous.stderr.includes(one), ambiguous.stderr.includes(two)]).toEqual([65, true, true]);
    expect(await leasehold(["host", "show", "none"], env)).toMatchObject({ code: 66, stderr: expect.stringContaining("no host has the id or name none") as string });
    expect(await leasehold(["host", "list"], { ...env, LEASEHOLD_TOKEN: server.acme.producer })).toMatchObject({ code: 77, stderr: "leasehold: hosts are for operators; use an operator's token\n" });
    expect(await leasehold(["host", "drain", one, "--wait", "--undo"], env)).toMatchObject({ code: 64, stderr: expect.stringContaining("give one of them") as string });
  });

  it("has examples in its help", async () => {
    expect((await leasehold(["host", "drain", "--help"])).stdout).toContain("leasehold host drain worker-3 --wait && ");
  });
});
