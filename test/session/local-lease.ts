import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { CallContext } from "../../src/drivers/driver.ts";
import { localDriver } from "../../src/drivers/local/driver.ts";
import type { StreamSizes } from "../../src/domain/execution.ts";
import type { CommandSpec, ExecutionPlace } from "../../src/session/execution-place.ts";
import { executionPlace } from "../../src/session/place.ts";
import type { Session } from "../../src/session/session.ts";
import { eventually } from "../support/eventually.ts";
import { processesOf, processesUnder } from "../support/processes.ts";
import { quietLog } from "../support/quiet-log.ts";
import { plainValue } from "../../src/domain/secret.ts";

export const installation = "installation-of-the-test";
export const first = { fence: 1, offer: 1 };

export const callContext = (fence = 1): CallContext => ({ signal: new AbortController().signal, log: quietLog, fence, reveal: plainValue });

export interface Lease {
  readonly root: string;
  readonly key: string;
  readonly session: Session;
  /** An execution in this lease. */
  place(id?: string, session?: Session): ExecutionPlace & { id: string; directory: string };
  /** Ends the lease and proves that no process of it is left. */
  end(): Promise<void>;
}

/** A lease of the local driver under a root of its own, below `parent`. */
export async function localLease(parent = tmpdir()): Promise<Lease> {
  const root = mkdtempSync(join(parent, "leases-"));
  const driver = localDriver({ root, installation });
  const key = randomUUID();
  const acquired = await driver.acquire(callContext(), { key, config: {}, labels: { installation, company: "c", run: null }, expiresAt: new Date() });
  const session = await driver.session(callContext(), { key, handle: acquired.handle });
  const executions: string[] = [];
  return {
    root,
    key,
    session,
    place(id = randomUUID(), other = session) {
      executions.push(id);
      return { id, directory: join(session.places.control, "x", id), ...executionPlace(other, id) };
    },
    async end() {
      try {
        await eventually(() => expect([...processesUnder(root), ...executions.flatMap(processesOf)]).toEqual([]), { timeoutMs: 20_000 });
      } finally {
        await driver.release(callContext(1_000_000), { key, handle: acquired.handle, config: {} });
        rmSync(root, { recursive: true, force: true });
      }
    },
  };
}

export const command = (argv: readonly string[], more: Partial<CommandSpec> = {}): CommandSpec => ({
  argv,
  cwd: ".",
  env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
  stdin: new Uint8Array(),
  outputLimit: 256 * 1024 * 1024,
  watchdogMs: 60_000,
  leftoverGraceMs: 200,
  ...more,
});
export const sh = (script: string, more: Partial<CommandSpec> = {}): CommandSpec => command(["sh", "-c", script], more);

/** Follows to the end and gives what came. */
export async function output(place: ExecutionPlace, from: StreamSizes = { stdout: 0, stderr: 0 }, caller = first): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const follow = await place.follow(caller, from);
  const collect = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const [stdout, stderr] = await Promise.all([collect(follow.stdout), collect(follow.stderr), follow.done]);
  return { stdout, stderr };
}

/** Starts a command, follows it to its end and says how it ended. */
export async function ran(lease: Lease, spec: CommandSpec) {
  const place = lease.place();
  expect(await place.start(first, spec)).toBe("started");
  const { stdout, stderr } = await output(place);
  return { place, stdout, stderr, status: await place.status() };
}

/** The pid in a record of the execution's directory: the supervisor's or the first process's. */
export const recorded = (directory: string, name: "supervisor" | "pid"): number =>
  Number(readFileSync(join(directory, "notes"), "utf8").split("\n")[name === "supervisor" ? 4 : 5]?.split(" ")[0]);

/** Waits until the command has said something on stdout, and gives that. */
export const spoken = (directory: string): Promise<string> =>
  eventually(() => {
    const text = readFileSync(join(directory, "out"), "utf8");
    expect(text).toMatch(/\n$/);
    return text.trim();
  });
