import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ownKeyFile } from "../../src/app/secrets.ts";
import { createSecret } from "../../src/secrets/create.ts";
import { newMasterKey } from "../../src/secrets/key-file.ts";
import { removeSecret } from "../../src/secrets/remove.ts";
import { sql } from "drizzle-orm";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { secretParts } from "../support/secrets.ts";
import { wholeOutput } from "../support/whole-output.ts";
import { writeKeys } from "./keys.ts";

let fleet: TestFleet;
beforeEach(async () => {
  fleet = await startTestFleet();
  await writeKeys(ownKeyFile(fleet.config.dataDir), [newMasterKey()]);
});
afterEach(() => fleet.close());

const db = () => fleet.base.database.db;
const value = "hunter2-and-then-some";
/** Prints the value in two halves, again and again, so that a worker always dies somewhere in one. */
const printing = `i=0; while [ $i -lt 120 ]; do printf 'line %s: %s' $i hunter2-and-; sleep 0.05; printf 'then-some.\\n'; i=$((i+1)); done`;
const expected = Array.from({ length: 120 }, (_, i) => `line ${i}: ***.\n`).join("");

async function submit(command: string, redactOutput = true) {
  const parts = secretParts(db(), ownKeyFile(fleet.config.dataDir));
  const secret = await createSecret(parts, fleet.companyId, { name: "printed", value });
  const run = await fleet.submit({ command: ["sh", "-c", command], env: { PRINTED: { type: "secret_ref", secretId: secret.id } }, ...(redactOutput ? { redactOutput } : {}) });
  return { secret, run };
}

describe("redacted output", () => {
  it("I7, I11: is the same stream when its worker is killed in the middle and its secret is gone, and was never kept in clear", async () => {
    await Promise.all([fleet.worker(), fleet.worker(), fleet.reaper()]);
    const { secret, run } = await submit(printing);
    await fleet.until(run.id, ({ execution }) => (execution?.stdoutBytes ?? 0) > 200);
    // What it was given it keeps; who takes over does not ask for it again.
    await removeSecret(db(), fleet.companyId, secret.id, { force: true });
    for (let i = 0; i < 2; i++) {
      const { execution: before } = await fleet.until(run.id, ({ execution }) => execution?.claimOwner != null);
      fleet.ownerOf(before?.claimOwner).signal("SIGKILL");
      await fleet.worker();
      // Somebody else is at it, and has made more of it durable.
      await fleet.until(run.id, ({ execution }) => execution?.state === "final" || (execution?.claimOwner != null && execution.claimOwner !== before?.claimOwner && execution.stdoutBytes > (before?.stdoutBytes ?? 0)));
    }
    const { run: ended, execution } = await fleet.ended(run.id, 90_000);
    expect(ended.outcome).toEqual({ kind: "exited", code: 0 });
    expect(execution).toMatchObject({ redactOutput: true, outputComplete: true, stdoutBytes: expected.length });
    expect(await wholeOutput(db(), execution?.id ?? "")).toBe(expected);
    expect([...(await db().execute(sql`select redaction is null as forgotten from executions where id = ${execution?.id}`))]).toEqual([{ forgotten: true }]);
  });

  it("ends with what was held back, and leaves output alone where nobody asked", async () => {
    await Promise.all([fleet.worker(), fleet.reaper()]);
    const { run } = await submit("printf '%s and hunter2-and-' \"$PRINTED\"; printf '%s' \"$PRINTED\" | rev >&2");
    const { execution } = await fleet.ended(run.id);
    expect(await wholeOutput(db(), execution?.id ?? "")).toBe("*** and hunter2-and-");
    expect(await wholeOutput(db(), execution?.id ?? "", "stderr")).toBe(value.split("").reverse().join(""));
  });
});
