import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OutputEvent } from "../../src/client/index.ts";
import { byteStream } from "../../src/http/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import { type ApiServer, startApi } from "./api-server.ts";
import { acquiring, execute, executing } from "./run-states.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApi();
});
afterAll(() => server[Symbol.asyncDispose]());

const output = (runId: string, query: string) => server.request(`/v1/runs/${runId}/output?${query}`);
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

describe("GET /v1/runs/:id/output", () => {
  it("gives the exact bytes of one stream, from any offset", async () => {
    const run = await executing(server, server.acme.id);
    const pieces = [randomBytes(70_000), Buffer.from([0, 255, 10, 13]), randomBytes(1_000_000)];
    for (const piece of pieces) await run.print("stdout", piece);
    await run.print("stderr", "complaint");
    const all = Buffer.concat(pieces);
    const response = await output(run.runId, "stream=stdout");
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect((await bytesOf(response)).equals(all)).toBe(true);
    for (const offset of [1, 70_000, 70_002, all.length - 1, all.length, all.length + 5]) {
      expect((await bytesOf(await output(run.runId, `offset=${offset}`))).equals(all.subarray(offset))).toBe(true);
    }
    expect((await bytesOf(await output(run.runId, "stream=stderr&offset=4"))).toString()).toBe("laint");
  });

  it("follows from before the command is there to its end", async () => {
    const waiting = await acquiring(server, server.acme.id);
    const response = await output(waiting.run.id, "follow=true");
    expect(response.status).toBe(200);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const run = await execute(server, waiting);
    await run.print("stdout", "one");
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one");
    await run.print("stdout", "two");
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("two");
    await run.end({ kind: "exited", code: 0 });
    expect((await reader.read()).done).toBe(true);
  });

  it("asks for no more than a slow reader takes", async () => {
    const run = await executing(server, server.acme.id);
    for (let i = 0; i < 40; i++) await run.print("stdout", randomBytes(1_000_000));
    const socket = connect(server.port, "127.0.0.1");
    socket.pause();
    socket.write(`GET /v1/runs/${run.runId}/output HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${server.acme.producer}\r\n\r\n`);
    let written = 0;
    let still = 0;
    const ours = await eventually(() => {
      const found = [...server.sockets].find((s) => s.remotePort === socket.localPort);
      still = found !== undefined && found.bytesWritten > 0 && found.bytesWritten === written ? still + 1 : 0;
      written = found?.bytesWritten ?? 0;
      if (found === undefined || still < 10) throw new Error("it still moves");
      return found;
    });
    // What the kernel takes for a reader, and a piece or two of ours; most is still in the database.
    expect(ours.bytesWritten).toBeLessThan(20_000_000);
    expect(ours.writableLength).toBeLessThan(4_000_000);
    let size = 0;
    for await (const piece of socket as AsyncIterable<Buffer>) size += piece.length;
    expect(size).toBeGreaterThan(40_000_000);
  });

  it.each(["stream=both", "offset=-1", "offset=1.5", "follow=1", "tail=5"])("refuses ?%s", async (query) => {
    const { run } = await acquiring(server, server.acme.id);
    expect((await output(run.id, query)).status).toBe(422);
  });
});

interface Sent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** Reads events as the wire has them, until `count` have come or the stream ends. */
async function events(runId: string, options: { last?: string; count?: number; query?: string } = {}): Promise<Sent[]> {
  const response = await server.request(`/v1/runs/${runId}/events${options.query ?? ""}`, { headers: options.last === undefined ? {} : { "last-event-id": options.last } });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const sent: Sent[] = [];
  let text = "";
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(piece).toString();
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const fields = Object.fromEntries(text.slice(0, end).split("\n").map((line) => line.split(/: (.*)/s, 2)));
      sent.push({ id: String(fields["id"]), event: String(fields["event"]), data: JSON.parse(String(fields["data"])) });
      text = text.slice(end + 2);
      if (sent.length === options.count) return sent;
    }
  }
  return sent;
}

const printed = (sent: readonly Sent[], stream: string): string =>
  sent.flatMap((e) => (e.event === "output" && (e.data as OutputEvent).stream === stream ? [Buffer.from((e.data as OutputEvent).bytes, "base64").toString()] : [])).join("");

describe("GET /v1/runs/:id/events", () => {
  it("tells a run from its waiting to its end", async () => {
    const waiting = await acquiring(server, server.acme.id);
    const [first] = (await events(waiting.run.id, { count: 1 })) as [Sent];
    expect(first).toMatchObject({ event: "state", id: "0-0", data: { phase: "acquiring", waiting: { code: "no_worker" }, executionId: null } });
    const all = events(waiting.run.id);
    const run = await execute(server, waiting);
    await run.print("stdout", "out");
    await run.print("stderr", "err");
    await run.end({ kind: "exited", code: 7 });
    const sent = await all;
    expect(printed(sent, "stdout")).toBe("out");
    expect(printed(sent, "stderr")).toBe("err");
    expect(sent.at(-1)).toEqual({ event: "end", id: "3-3", data: { outcome: { kind: "exited", code: 7 } } });
    expect(sent.filter((e) => e.event === "end")).toHaveLength(1);
  });

  it("goes on after the last event that was seen: nothing missing, nothing twice", async () => {
    const run = await executing(server, server.acme.id);
    await run.print("stdout", "hello ");
    await run.print("stderr", "oh");
    const first = await events(run.runId, { count: 3 });
    const last = first.at(-1)?.id as string;
    await run.print("stdout", "world");
    await run.end({ kind: "exited", code: 0 });
    const rest = await events(run.runId, { last });
    expect(printed(first, "stdout") + printed(rest, "stdout")).toBe("hello world");
    expect(printed(first, "stderr") + printed(rest, "stderr")).toBe("oh");
    // Within a stored piece too.
    expect(printed(await events(run.runId, { last: "3-1" }), "stdout")).toBe("lo world");
  });

  it("leaves the output out when asked to", async () => {
    const run = await executing(server, server.acme.id);
    await run.print("stdout", "hello");
    await run.end({ kind: "exited", code: 0 });
    expect((await events(run.runId, { query: "?output=false" })).map((e) => e.event)).toEqual(["end"]);
  });

  it.each(["x", "1", "-1-0", "1-2-3", "1e3-0"])("refuses Last-Event-ID %s", async (last) => {
    const { run } = await acquiring(server, server.acme.id);
    const response = await server.request(`/v1/runs/${run.id}/events`, { headers: { "last-event-id": last } });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "last_event_id_invalid" });
  });
});

describe("a stream", () => {
  /** One piece, then silence. */
  function silent() {
    const gone = new AbortController();
    const state = { released: false };
    async function* pieces(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from("first");
        await new Promise<void>((resolve) => gone.signal.addEventListener("abort", () => resolve()));
      } finally {
        state.released = true;
      }
    }
    return { gone, state, pieces: pieces() };
  }

  it("is let go when nobody takes it any more, even while it waits", async () => {
    const { gone, state, pieces } = silent();
    const reader = byteStream(pieces, { gone }).getReader();
    await reader.read();
    const pending = reader.read();
    await reader.cancel();
    expect((await pending).done).toBe(true);
    expect(state.released).toBe(true);
  });

  it("says that it is still there, as long as somebody listens", async () => {
    const { gone, pieces } = silent();
    const reader = byteStream(pieces, { gone, heartbeat: { bytes: Buffer.from(":"), everyMs: 5 } }).getReader();
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString();
    expect([await read(), await read(), await read()]).toEqual(["first", ":", ":"]);
    await reader.cancel();
  });

  it("breaks the connection when it cannot go on, so that a part is not taken for the whole", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("a");
      throw new Error("broken");
    }
    const reader = byteStream(failing(), { gone: new AbortController() }).getReader();
    await reader.read();
    await expect(reader.read()).rejects.toThrow("broken");
  });
});
