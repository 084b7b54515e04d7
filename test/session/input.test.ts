import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { command, first, type Lease, localLease, output, ran, sh } from "./local-lease.ts";

let lease: Lease;
beforeAll(async () => {
  lease = await localLease();
});
afterAll(() => lease.end());

it("close to 2 MB of variables", async () => {
  const env = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`V${i}`, "y".repeat(130_000)]));
  const { stdout } = await ran(lease, sh("env | wc -c", { env: { PATH: "/usr/bin:/bin", ...env } }));
  expect(Number(stdout)).toBeGreaterThan(14 * 130_000);
});

it("a command sees only what was there when it began to read a program", async () => {
  writeFileSync(join(lease.session.places.workspace, "prog"), "echo no shebang $1\n", { mode: 0o755 });
  const place = lease.place();
  await place.start(first, command(["./prog", "ok"]));
  expect((await output(place)).stdout.toString()).toBe("no shebang ok\n");
});

it.each([{ here: "/nowhere" }, { line: "5" }, { IFS: "0123456789" }, { notes: "/nowhere" }])("I8: a program that cannot be executed, with the variables %o", async (variables) => {
  const { status } = await ran(lease, command(["/etc"], { env: { PATH: "/bin", ...variables } }));
  expect(status).toMatchObject({ kind: "spawn_failed", reason: "command_not_executable" });
});
