import { beforeAll, describe, expect, it } from "vitest";
import type { CommandSpec } from "../../../src/session/execution-place.ts";
import type { Bench } from "../bench.ts";
import { first, type Lease } from "../lease.ts";

const nothing = { stdout: 0, stderr: 0 };

/** How commands end, and what is said of those that cannot begin. */
export function outcomes(bench: Bench): void {
  describe("commands: outcomes", () => {
    let lease: Lease;
    beforeAll(async () => {
      lease = await bench.lease();
    });
    const status = async (spec: CommandSpec) => (await lease.ran(spec)).status;

    it("I8: exit codes", async () => {
      const codes = [0, 1, 2, 63, 64, 125, 126, 127, 128, 129, 137, 139, 143, 254, 255];
      const said = await Promise.all(codes.map((code) => status(lease.sh(`exit ${code}`))));
      expect(said).toEqual(codes.map((code) => ({ kind: "ended", exit: { kind: "exited", code }, sizes: nothing, dropped: nothing, killed: false })));
    });

    it("I8: signals that the command gets from elsewhere", async () => {
      const signals = ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGHUP", "SIGINT", "SIGQUIT", "SIGPIPE", "SIGABRT", "SIGUSR1"];
      const said = await Promise.all(signals.map((signal) => status(lease.sh(`kill -${signal.slice(3)} $$; sleep 100`))));
      expect(said).toEqual(signals.map((signal) => expect.objectContaining({ kind: "ended", exit: { kind: "signalled", signal }, killed: false })));
    });

    it("I8: what cannot be found or executed never ran, and it is said why", async () => {
      await lease.ran(lease.sh(`echo text >plain; printf '#!/no/such/interpreter\\n' >script; chmod 644 plain; chmod 755 script`));
      const failed = (reason: string, message: unknown) => ({ kind: "spawn_failed", reason, message });
      expect(await status(lease.command(["no-such-program"]))).toEqual(failed("command_not_found", "no-such-program: not found"));
      expect(await status(lease.command(["./plain"]))).toEqual(failed("command_not_executable", expect.stringContaining("ermission denied")));
      expect(await status(lease.command(["/etc"]))).toMatchObject({ kind: "spawn_failed", reason: "command_not_executable" });
      expect(await status(lease.command(["./script"]))).toMatchObject({ kind: "spawn_failed", reason: "command_not_found" });
      expect(await status(lease.command(["true"], { cwd: "missing" }))).toMatchObject({ kind: "spawn_failed", message: expect.stringContaining("working directory") });
      expect(await status(lease.command(["true"], { cwd: "plain" }))).toMatchObject({ kind: "spawn_failed", message: expect.stringContaining("working directory") });
      const tooMuch = { ...lease.session.env, BIG: "x".repeat(140_000) };
      expect(await status(lease.command(["true"], { env: tooMuch }))).toEqual(failed("command_not_executable", expect.stringContaining("too long")));
    });

    it("I8: variables that a shell itself refuses never pass for an exit code", async () => {
      // dash insists that OPTIND is a number; other shells may not.
      const said = await status(lease.command(["true"], { env: { ...lease.session.env, OPTIND: "abc" } }));
      expect(["spawn_failed", "ended"]).toContain(said.kind);
      if (said.kind === "ended") expect(said.exit).toEqual({ kind: "exited", code: 0 });
    });

    it("what cannot be passed on is refused before anything starts", async () => {
      const execution = lease.execution();
      const bad: readonly CommandSpec[] = [
        lease.command([]),
        lease.command(["-x"]),
        lease.command(["a\0b"]),
        lease.command(["true"], { env: { "A-B": "" } }),
        lease.command(["true"], { env: { A: "\0" } }),
        ...["..", "a/../../home", "/", "/etc", "\0"].map((cwd) => lease.command(["true"], { cwd })),
      ];
      for (const spec of bad) {
        expect(() => execution.check(spec)).toThrow(expect.objectContaining({ kind: "invalid" }));
        await expect(execution.start(first, spec)).rejects.toMatchObject({ kind: "invalid" });
      }
      expect(await execution.status()).toEqual({ kind: "absent" });
      expect(() => lease.execution("../x")).toThrow(expect.objectContaining({ kind: "invalid" }));
    });
  });
}
