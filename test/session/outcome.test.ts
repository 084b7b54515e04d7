import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { command, type Lease, localLease, ran, sh } from "./local-lease.ts";

let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

const whole = { stdout: 0, stderr: 0 };

describe("I8: the outcome is the true one", () => {
  it.each([0, 1, 2, 126, 127, 128, 137, 139, 143, 255])("I8: exit code %i", async (code) => {
    const { status } = await ran(lease, sh(`exit ${code}`));
    expect(status).toEqual({ kind: "ended", exit: { kind: "exited", code }, sizes: whole, dropped: whole, killed: false });
  });

  it.each(["SIGTERM", "SIGKILL", "SIGSEGV", "SIGHUP", "SIGINT", "SIGQUIT", "SIGPIPE", "SIGABRT"])("I8: ended by %s", async (signal) => {
    const { status } = await ran(lease, sh(`(sleep 0.01; kill -${signal.slice(3)} $$) & exec sleep 100`));
    expect(status).toMatchObject({ kind: "ended", exit: { kind: "signalled", signal }, killed: false });
  });

  it("I8: a program that is not there", async () => {
    const { status } = await ran(lease, command(["no-such-program"]));
    expect(status).toEqual({ kind: "spawn_failed", reason: "command_not_found", message: "no-such-program: not found" });
  });

  it.each([{ here: "/nowhere" }, { line: "5" }, { IFS: "0123456789" }, { notes: "/nowhere" }])("I8: a program that cannot be executed, with the variables %o", async (variables) => {
    const { status } = await ran(lease, command(["/etc"], { env: { PATH: "/bin", ...variables } }));
    expect(status).toMatchObject({ kind: "spawn_failed", reason: "command_not_executable" });
  });

  it("I8: a program that may not be executed", async () => {
    writeFileSync(join(lease.session.places.workspace, "plain"), "text", { mode: 0o644 });
    const { status } = await ran(lease, command(["./plain"]));
    expect(status).toMatchObject({ kind: "spawn_failed", reason: "command_not_executable", message: expect.stringContaining("Permission denied") });
  });

  it("I8: a directory is no program", async () => {
    expect((await ran(lease, command(["/etc"]))).status).toMatchObject({ kind: "spawn_failed", reason: "command_not_executable" });
  });

  it("I8: a script whose interpreter is not there", async () => {
    const path = join(lease.session.places.workspace, "script");
    writeFileSync(path, "#!/no/such/interpreter\n");
    chmodSync(path, 0o755);
    expect((await ran(lease, command(["./script"]))).status).toMatchObject({ kind: "spawn_failed", reason: "command_not_found" });
  });

  it("I8: more variables than Linux takes", async () => {
    const { status } = await ran(lease, command(["true"], { env: { PATH: "/bin", BIG: "x".repeat(140_000) } }));
    expect(status).toMatchObject({ kind: "spawn_failed", reason: "command_not_executable", message: expect.stringContaining("too long") });
  });

  it("I8: variables the shell itself refuses never pass for an exit code", async () => {
    // dash insists that OPTIND is a number; other shells may not.
    const { status } = await ran(lease, command(["true"], { env: { PATH: "/bin", OPTIND: "abc" } }));
    expect(["spawn_failed", "ended"]).toContain(status.kind);
    if (status.kind === "ended") expect(status.exit).toEqual({ kind: "exited", code: 0 });
  });

  it("I8: a working directory that is not there", async () => {
    const { status } = await ran(lease, command(["true"], { cwd: "missing" }));
    expect(status).toMatchObject({ kind: "spawn_failed", message: expect.stringContaining("working directory") });
  });

  it("a working directory inside the workspace, relative or absolute", async () => {
    const inside = join(lease.session.places.workspace, "a b'c");
    mkdirSync(inside);
    for (const cwd of ["a b'c", "./x/../a b'c", inside]) {
      expect((await ran(lease, command(["pwd"], { cwd }))).stdout.toString()).toBe(`${inside}\n`);
    }
  });

  it.each(["..", "a/../../home", "/", "/etc"])("a working directory outside the workspace is refused: %s", async (cwd) => {
    const place = lease.place();
    await expect(place.start({ fence: 1, offer: 1 }, command(["true"], { cwd }))).rejects.toMatchObject({ kind: "invalid", code: "cwd_outside_workspace" });
    expect(await place.status()).toEqual({ kind: "absent" });
  });

  it("what cannot be passed on is refused before anything starts", async () => {
    const start = (spec: Parameters<typeof command>) => lease.place().start({ fence: 1, offer: 1 }, command(...spec));
    await expect(start([["a\0b"]])).rejects.toMatchObject({ kind: "invalid" });
    await expect(start([["true"], { env: { "A-B": "" } }])).rejects.toMatchObject({ kind: "invalid" });
    await expect(start([[]])).rejects.toMatchObject({ kind: "invalid" });
    expect(() => lease.place("../x")).toThrow(/id/);
  });
});
