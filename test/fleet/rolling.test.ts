import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Leasehold } from "../../src/client/index.ts";
import { createToken } from "../../src/db/companies.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { readOutput } from "../../src/db/output.ts";
import type { Run } from "../../src/db/runs.ts";
import type { StreamName } from "../../src/domain/execution.ts";
import { eventually } from "../support/eventually.ts";
import { type ApiProcess, type FleetProcess, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { type FrontDoor, openFrontDoor } from "../support/front-door.ts";
import { fakeEnvironment } from "../support/stack.ts";

const backends = "local,sandbox-fake,sandbox-bubblewrap";
let fleet: TestFleet;
let door: FrontDoor;
let signals: string;
beforeEach(async () => {
  signals = await mkdtemp(join(tmpdir(), "leasehold-signals-"));
  await chmod(signals, 0o755);
  fleet = await startTestFleet({ sandboxBinds: [signals] });
  door = await openFrontDoor();
});
afterEach(async () => {
  await door[Symbol.asyncDispose]();
  await fleet.close();
  await rm(signals, { recursive: true });
});

/** Says who it is, prints a numbered line five times a second until it is told to stop, and last how many there were. One process: shells that sleep would be most of the load. */
const script = `
  $| = 1;
  print "begin $ENV{NAME}\\n";
  if ($ENV{STARTS}) { open my $starts, ">>", $ENV{STARTS} or die; print $starts "$ENV{NAME}\\n"; close $starts }
  my $n = 0;
  until (-e $ENV{STOP}) { print "$ENV{NAME} ", $n++, "\\n"; select undef, undef, undef, 0.2 }
  print STDERR "$n\\n"`;

interface Command {
  readonly name: string;
  readonly run: Run;
  /** What an HTTP client has got of stdout; settles at the command's end. */
  readonly followed: Promise<string>;
}

/** From now on the database notes each claim on an execution that is taken from one who has not given it back: a takeover, not a hand-over. */
async function noteTakeovers(): Promise<() => Promise<number>> {
  const { db } = fleet.base.database;
  await db.execute(sql`create table takeovers (id uuid not null)`);
  await db.execute(sql`
    create function note_takeover() returns trigger language plpgsql as
    'begin insert into takeovers values (new.id); return null; end'`);
  await db.execute(sql`
    create trigger note_takeover after update on executions for each row
    when (old.claim_owner is not null and new.claim_token is not null and new.claim_token is distinct from old.claim_token)
    execute function note_takeover()`);
  return async () => Number((await db.execute(sql`select count(*) as n from takeovers`))[0]?.n);
}

async function startCommands(client: Leasehold): Promise<Command[]> {
  const { db } = fleet.base.database;
  const [fake, bubblewrap] = await Promise.all([
    insertEnvironment(db, fleet.companyId, fakeEnvironment({})),
    insertEnvironment(db, fleet.companyId, {
      ...fakeEnvironment({}),
      backend: "sandbox-bubblewrap",
      config: { provider: "bubblewrap", binds: [{ source: signals, target: "/signals" }] },
    }),
  ]);
  const stop = join(signals, "stop");
  const starts = join(fleet.config.dataDir, "starts");
  // What is in a sandbox cannot write where the others do: its first line tells of its start.
  const places = [
    { kind: "local", count: 8, environment: undefined, env: { STOP: stop, STARTS: starts } },
    { kind: "fake", count: 6, environment: { agent: fake.id }, env: { STOP: stop, STARTS: starts } },
    { kind: "bubblewrap", count: 6, environment: { agent: bubblewrap.id }, env: { STOP: "/signals/stop", STARTS: "" } },
  ];
  return Promise.all(
    places.flatMap(({ kind, count, environment, env }) =>
      Array.from({ length: count }, async (_, i): Promise<Command> => {
        const name = `${kind}-${i}`;
        const run = await fleet.submit({ command: ["perl", "-e", script], env: { ...env, NAME: name }, ...(environment === undefined ? {} : { environment }) });
        const followed = follow(client, run.id);
        // Told where it is awaited; a test that fails before that fails for its own reason.
        followed.catch(() => {});
        return { name, run, followed };
      }),
    ),
  );
}

async function follow(client: Leasehold, runId: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const bytes of client.runs.output(runId, { follow: true })) pieces.push(bytes);
  return Buffer.concat(pieces).toString();
}

async function durable(executionId: string, stream: StreamName): Promise<string> {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const bytes = await readOutput(fleet.base.database.db, executionId, stream, at);
    if (bytes.length === 0) return Buffer.concat(pieces).toString();
    pieces.push(bytes);
    at += bytes.length;
  }
}

const allRunning = (commands: readonly Command[], offer: number) =>
  eventually(
    async () => {
      for (const { name, run } of commands) {
        const { execution, run: now } = await fleet.situation(run.id);
        if (execution?.state !== "running" || execution.claimOwner === null || execution.offer < offer || execution.stdoutBytes === 0) {
          throw new Error(`${name} is ${now.phase} ${JSON.stringify(now.outcome)}, ${execution?.state} with offer ${execution?.offer} of ${execution?.claimOwner}, ${execution?.stdoutBytes} bytes; wanted ${offer}`);
        }
      }
    },
    { timeoutMs: 60_000 },
  );

/** Each started once, ended by itself with 0 when it was told to, and durable copy and follower have exactly what it printed. */
async function expectUninterrupted(commands: readonly Command[], offer: number): Promise<void> {
  await allRunning(commands, offer);
  await writeFile(join(signals, "stop"), "");
  for (const { name, run, followed } of commands) {
    const { run: ended, lease, execution } = await fleet.ended(run.id);
    expect(ended.outcome, name).toEqual({ kind: "exited", code: 0 });
    expect(lease?.state, name).toBe("released");
    expect(execution, name).toMatchObject({ outputComplete: true, stdoutDropped: 0, stderrDropped: 0 });
    const lines = Number(await durable(execution?.id ?? "", "stderr"));
    const printed = [`begin ${name}`, ...Array.from({ length: lines }, (_, i) => `${name} ${i}`), ""].join("\n");
    expect(await durable(execution?.id ?? "", "stdout"), name).toBe(printed);
    expect(await followed, name).toBe(printed);
  }
  const started = (await readFile(join(fleet.config.dataDir, "starts"), "utf8")).trimEnd().split("\n").toSorted();
  expect(started).toEqual(commands.map((c) => c.name).filter((name) => !name.startsWith("bubblewrap")).toSorted());
  await eventually(async () => expect(await fleet.leftovers()).toEqual([]));
}

/** A process that is replaced by one like it, `new first` or `old first`. */
interface Part {
  now: FleetProcess;
  readonly start: () => Promise<FleetProcess>;
}

async function replace(part: Part, order: "new first" | "old first"): Promise<void> {
  const old = part.now;
  if (order === "new first") part.now = await part.start();
  old.signal("SIGTERM");
  await old.gone;
  if (order === "old first") part.now = await part.start();
}

async function startParts(): Promise<Part[]> {
  const api = async (): Promise<ApiProcess> => {
    const started = await fleet.api();
    door.leadTo(started.url);
    return started;
  };
  const starts = [() => fleet.worker(backends), () => fleet.worker(backends), api, () => fleet.reaper()];
  return Promise.all(starts.map(async (start) => ({ now: await start(), start })));
}

describe("a rolling restart under long commands", () => {
  it("I6, I7: of every worker, reaper and API, new first and old first, interrupts none of them", async () => {
    const parts = await startParts();
    const client = new Leasehold({ url: door.url, token: await createToken(fleet.base.database.db, fleet.companyId, "test", "producer") });
    const commands = await startCommands(client);
    await allRunning(commands, 1);
    const meanwhile: Run[] = [];
    const takeovers = await noteTakeovers();
    let offer = 1;
    for (const order of ["new first", "old first"] as const) {
      for (const part of parts) {
        const [short] = await Promise.all([fleet.submit({ command: ["true"] }), replace(part, order)]);
        meanwhile.push(short);
      }
      // Whoever had a command has left: it was handed on once at least.
      offer += 1;
      await allRunning(commands, offer);
    }
    for (const run of meanwhile) expect((await fleet.ended(run.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    // Handed on, not taken over when a claim has lapsed.
    expect(await takeovers()).toBe(0);
    await expectUninterrupted(commands, offer);
  }, 300_000);

  it("I6, I7: of all of them at once, back within a lease's life, interrupts none of them", async () => {
    const parts = await startParts();
    const client = new Leasehold({ url: door.url, token: await createToken(fleet.base.database.db, fleet.companyId, "test", "producer") });
    const commands = await startCommands(client);
    await allRunning(commands, 1);
    for (const { now } of parts) now.signal("SIGTERM");
    await Promise.all(parts.map(({ now }) => now.gone));
    const accepted = await fleet.submit({ command: ["true"] });
    await Promise.all(parts.map((part) => replace({ ...part, now: { ...part.now, signal: () => {} } }, "old first")));
    expect((await fleet.ended(accepted.id)).run.outcome).toEqual({ kind: "exited", code: 0 });
    await expectUninterrupted(commands, 2);
  }, 300_000);
});
