import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, Problem, Run, RunSummary } from "../../src/client/index.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { findRequest } from "../../src/db/runs.ts";
import { runs } from "../../src/db/schema.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { resultOf } from "../../src/domain/outcome.ts";
import { eq, sql } from "drizzle-orm";
import { type ApiServer, startApi } from "./api-server.ts";
import { accepted, acquiring, executing } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const retry = (id: string, key?: string, token?: string) => server.request(`/v1/runs/${id}/retry`, { method: "POST", ...(token === undefined ? {} : { token }), headers: key === undefined ? {} : { "idempotency-key": key } });
const whole = { command: ["cat"], env: { SECRET: "hunter2" }, stdin: Buffer.from("given").toString("base64"), priority: 3, producer: { issueId: "issue 7", agentId: "a" } };
async function ended(outcome: Outcome = { kind: "exited", code: 1 }): Promise<string> {
  const run = await executing(server, server.acme.id, whole);
  await run.end(outcome);
  return run.runId;
}

describe("POST /v1/runs/:id/retry", () => {
  it("I11: asks for the same once more as a run of its own, stdin and variables with it, and shows neither", async () => {
    const old = await ended();
    const response = await retry(old);
    const text = await response.text();
    const run = JSON.parse(text) as Run;
    expect([response.status, response.headers.get("location")]).toEqual([201, `/v1/runs/${run.id}`]);
    expect(run).toMatchObject({ phase: "accepted", retryOf: old, command: ["cat"], envNames: ["SECRET"], hasStdin: true, priority: 3, producer: whole.producer });
    expect(text).not.toContain("hunter2");
    expect(await findRequest(server.db, run.id)).toEqual(await findRequest(server.db, old));
    expect((await findRequest(server.db, run.id))?.stdin).toBe(whole.stdin);
    expect((await server.client().runs.get(old)).retryOf).toBeNull();
  });

  it("I6: the same key gives the same run, however many ask at once; another run's retry does not get it", async () => {
    const [old, another] = [await ended(), await ended()];
    const answers = await Promise.all(Array.from({ length: 6 }, () => retry(old, "again")));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 200, 200, 201]);
    expect(new Set(await Promise.all(answers.map(async (one) => ((await one.json()) as Run).id))).size).toBe(1);
    expect(await (await retry(another, "again")).json()).toMatchObject({ status: 409, code: "idempotency_key_reused" });
    const plain = await server.request("/v1/runs", { method: "POST", body: JSON.stringify(whole), headers: { "idempotency-key": "again" } });
    expect(await plain.json()).toMatchObject({ status: 409, code: "idempotency_key_reused" });
  });

  it("is refused while the run is not over, in every phase", async () => {
    const waiting = [(await accepted(server, server.acme.id)).id, (await acquiring(server, server.acme.id)).run.id, (await executing(server, server.acme.id)).runId];
    for (const id of waiting) expect(await (await retry(id)).json()).toMatchObject({ status: 409, code: "run_not_ended" });
  });

  it("I12: of another company's run, or none, is 404, and a bad key is named", async () => {
    const old = await ended();
    expect(await (await retry(old, undefined, server.other.producer)).json()).toMatchObject({ status: 404, code: "run_not_found" });
    expect(await (await retry("0190a0a0-0000-7000-8000-000000000000")).json()).toMatchObject({ status: 404, code: "run_not_found" });
    expect(((await (await retry(old, "a b")).json()) as Problem).code).toBe("idempotencykey_invalid");
  });
});

describe("GET /v1/runs finds", () => {
  const found = async (query: string): Promise<string[]> => {
    const ids: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page = (await (await server.request(`/v1/runs?limit=2&${query}${cursor === "" ? "" : `&cursor=${cursor}`}`, { token: server.other.producer })).json()) as Page<RunSummary>;
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    }
    return ids;
  };
  const outcomes: readonly Outcome[] = [
    { kind: "exited", code: 0 },
    { kind: "exited", code: 3 },
    { kind: "signalled", signal: "SIGKILL" },
    { kind: "timed_out" },
    { kind: "cancelled" },
    { kind: "lease_ended" },
    { kind: "not_started", reason: "x" },
    { kind: "lost" },
  ];
  const byOutcome = new Map<Outcome, string>();
  let open: string;
  let elsewhere: string;
  beforeAll(async () => {
    for (const outcome of outcomes) {
      const run = await executing(server, server.other.id);
      await run.end(outcome);
      byOutcome.set(outcome, run.runId);
    }
    const environment = await insertEnvironment(server.db, server.other.id, { name: "elsewhere", description: null, driver: "ssh", backend: "ssh", config: {}, envVars: {}, maxLeases: null, metadata: {} });
    elsewhere = (await acquiring(server, server.other.id, { environment, request: { command: ["x"], producer: { runId: "r", issueId: "i", agentId: "a", executionWorkspaceId: "w" } } })).run.id;
    open = (await accepted(server, server.other.id, { command: ["y"], producer: { issueId: "i" } })).id;
  });

  it.each(["succeeded", "failed", "timed_out", "cancelled", "lost"])("those that %s, as each run says of itself", async (result) => {
    const wanted = outcomes.filter((outcome) => resultOf(outcome) === result).map((outcome) => byOutcome.get(outcome));
    expect(await found(`result=${result}`)).toEqual(wanted.toReversed());
  });

  it("those that are open, of an environment by id or name, and of the producer's own ids, newest first", async () => {
    expect(await found("open=true")).toEqual([open, elsewhere]);
    expect(await found("environment=elsewhere")).toEqual([elsewhere]);
    expect(await found("producerIssueId=i")).toEqual([open, elsewhere]);
    for (const query of ["producerRunId=r", "producerAgentId=a", "producerWorkspaceId=w", "producerIssueId=i&environment=elsewhere&open=true"]) expect(await found(query)).toEqual([elsewhere]);
    for (const query of ["producerRunId=x", "producerIssueId=i&result=lost"]) expect(await found(query)).toEqual([]);
    const client = server.client(server.other.producer);
    const listed: string[] = [];
    for await (const run of client.runs.list({ producer: { executionWorkspaceId: "w" }, environment: "elsewhere", since: new Date(0) })) listed.push(run.id);
    expect(listed).toEqual([elsewhere]);
  });

  it("those of a time, by the database's clock", async () => {
    await server.db.update(runs).set({ createdAt: sql`clock_timestamp() - interval '5 minutes'` as never }).where(eq(runs.id, elsewhere));
    const before = new Date(Date.now() - 120_000).toISOString();
    expect(await found(`until=${before}`)).toEqual([elsewhere]);
    expect(await found(`since=${before}`)).toHaveLength(outcomes.length + 1);
    expect(await found(`since=${before}&until=${before}`)).toEqual([]);
    expect(await found("until=1970-01-01T00:00:00Z")).toEqual([]);
    expect(await found("since=9999-12-31T23:59:59Z")).toEqual([]);
  });

  it.each(["result=good", "since=yesterday", "producerIssueId=", "producerIssueId=%00", "issue=i", "open=1"])("nothing by ?%s, and names the field", async (query) => {
    const problem = (await (await server.request(`/v1/runs?${query}`)).json()) as Problem;
    expect(problem).toMatchObject({ status: 422, code: "query_invalid", errors: [{ field: `query.${query.split("=")[0]}` }] });
  });
});
