import { createHash } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findExecution } from "../../src/db/executions.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { type ServedApi, serveApi } from "../support/serve-api.ts";

let fleet: TestFleet;
let api: ServedApi;
beforeEach(async () => {
  fleet = await startTestFleet();
  api = await serveApi(fleet);
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await fleet.close();
});

/** Counts its start, prints a numbered line every 50 ms, and last the digest of what it printed. */
const ticker = (lines: number): string[] => [
  process.execPath,
  "-e",
  `require("fs").appendFileSync("starts", "x"); const h = require("crypto").createHash("sha256"); let n = 0;
   const t = setInterval(() => { const line = "line " + n++ + "\\n"; h.update(line); process.stdout.write(line);
     if (n === ${lines}) { clearInterval(t); process.stderr.write(h.digest("hex")); } }, 50);`,
];

const row = async (id: string) => {
  const found = await findExecution(fleet.base.database.db, id);
  if (found === undefined) throw new Error(`no execution ${id}`);
  return found;
};

async function all(id: string, stream: "stdout" | "stderr"): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of api.client.executions.output(id, { stream })) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("a command in an ad-hoc lease survives", () => {
  it("I6, I7: SIGKILL of the worker that follows it: another one follows it to its end, every byte is there, it started once", async () => {
    await fleet.reaper();
    await fleet.worker();
    await fleet.worker();
    await using lease = await api.client.leases.acquire();
    const { execution } = await lease.exec(ticker(60));
    const { claimOwner } = await eventually(async () => {
      const now = await row(execution.id);
      expect(now.stdoutBytes).toBeGreaterThan(50);
      return now;
    });
    fleet.ownerOf(claimOwner).signal("SIGKILL");
    const ended = await api.client.executions.wait(execution.id);
    expect(ended).toMatchObject({ outcome: { kind: "exited", code: 0 }, outputComplete: true, stdoutDropped: 0 });
    expect((await row(execution.id)).offer).toBe(2);
    const printed = await all(execution.id, "stdout");
    expect(createHash("sha256").update(printed).digest("hex")).toBe((await all(execution.id, "stderr")).toString());
    const starts = await lease.exec(["cat", "starts"]);
    await starts.result();
    expect((await all(starts.execution.id, "stdout")).toString()).toBe("x");
    await lease.release();
    await eventually(async () => expect(await fleet.leftovers()).toEqual([]));
  });

  it("I4, I6: SIGKILL of the only worker before it was taken up, and of the client that asked", async () => {
    await fleet.reaper();
    const worker = await fleet.worker();
    const lease = await api.client.leases.acquire();
    worker.signal("SIGKILL");
    await worker.gone;
    const { execution } = await lease.exec(["sh", "-c", "echo x >>starts; cat starts"]);
    lease.leave();
    await fleet.worker();
    expect(await api.client.executions.wait(execution.id)).toMatchObject({ outcome: { kind: "exited", code: 0 } });
    expect((await all(execution.id, "stdout")).toString()).toBe("x\n");
    await fleet.base.database.db.execute(sql`update environment_leases set expires_at = clock_timestamp()`);
    await eventually(async () => {
      expect((await api.client.leases.get(lease.id)).state).toBe("expired");
      expect(await fleet.leftovers()).toEqual([]);
    });
  });
});
