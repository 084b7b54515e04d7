import fc from "fast-check";
import { generate } from "json-schema-faker";
import type { ApiDocument, Operation } from "./document.ts";

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Things that exist, to be asked for. */
export type Known = Readonly<Record<string, readonly string[]>>;

/** Texts that have broken somebody's parser. */
const nasty = ["", " ", "\0", "a\0b", "\ud800", "\u202e", "%", "%00", "%zz", "..", "../../etc/passwd", "null", "undefined", "NaN", "-0", "1e999", "9".repeat(40), "'; drop table runs; --", "ı", "x".repeat(5000), "__proto__", "constructor", "0", "-1", "😀", "a/b", "a?b", "a#b", "\n", "\t"];
const oddValues: readonly unknown[] = [null, true, 0, -1, 1.5, 2 ** 53, -(2 ** 63), [], {}, [[[]]], { a: { b: { c: [] } } }, { __proto__: 1, constructor: 2 }, ...nasty];
const brokenBodies = ["", "{", "[", "null", "true", "1", '"text"', "[]", "{}", '{"command":', "\ufeff{}", "{\"a\":1,}", "\0", "not json", "[".repeat(2000), `${"[".repeat(2000)}${"]".repeat(2000)}`, '{"command":["true"],"command":["false"]}', '{"__proto__":{"command":["true"]}}'];

/** How a valid request is spoilt, if at all. */
const spoils = ["not", "not", "not", "body value", "body value", "body key", "body text", "path", "query value", "query key", "query twice", "header", "method"] as const;

/** Makes requests from the document: as it says, and spoilt in one way each. The same seed makes the same requests. */
export async function fuzzRequests(document: ApiDocument, known: Known, seed: number, count: number): Promise<readonly FuzzRequest[]> {
  const operations = Object.entries(document.json.paths).flatMap(([path, of]) => Object.entries(of).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
  const valid = new Map<Operation, unknown[]>();
  for (const { operation } of operations) valid.set(operation, await validBodies(document, operation, seed));
  const arbitrary = fc.record({
    which: fc.nat(operations.length - 1),
    spoil: fc.constantFrom(...spoils),
    at: fc.nat(1000),
    odd: fc.oneof(fc.constantFrom(...oddValues), fc.jsonValue(), fc.string({ unit: "binary", maxLength: 300 })),
    text: fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: "grapheme", maxLength: 60 }), fc.uuid()),
    pick: fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
  });
  return fc.sample(arbitrary, { seed, numRuns: count }).map(({ which, spoil, at, odd, text, pick }) => {
    const { path, method, operation } = operations[which % operations.length] ?? operations[0]!;
    const bodies = valid.get(operation) ?? [];
    const body = bodies.length === 0 ? undefined : structuredClone(bodies[at % bodies.length]);
    const inPath = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
      if (spoil === "path") return encodeURIComponent(text.toWellFormed());
      const ids = known[`${path.split("/")[2]}.${name}`] ?? known[name] ?? [];
      return encodeURIComponent(ids[(pick[0] ?? 0) % ids.length] ?? text.toWellFormed());
    });
    return {
      method: spoil === "method" ? (["GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS", "HEAD"][at % 7] ?? method) : method,
      path: inPath + queryOf(operation, spoil, text, pick),
      headers: headersOf(operation, spoil, text, pick),
      body: bodyOf(body, spoil, odd, at),
    };
  });
}

async function validBodies(document: ApiDocument, operation: Operation, seed: number): Promise<unknown[]> {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  if (schema === undefined) return [];
  const whole = { ...schema, components: document.json.components };
  return Promise.all(Array.from({ length: 20 }, (_, n) => generate(whole, { seed: seed + n, alwaysFakeOptionals: n === 0, maxItems: 4, maxLength: 60 } as never)));
}

function queryOf(operation: Operation, spoil: (typeof spoils)[number], text: string, pick: readonly number[]): string {
  const query = new URLSearchParams();
  (operation.parameters ?? []).filter((one) => one.in === "query").forEach(({ name, schema }, i) => {
    if ((pick[i + 1] ?? 0) % 3 !== 0) return;
    const of = schema as { enum?: (string | number)[] };
    const value = spoil === "query value" ? text.toWellFormed() : String(of.enum?.[(pick[i + 2] ?? 0) % of.enum.length] ?? (name === "limit" ? 1 + ((pick[i + 2] ?? 0) % 200) : (pick[i + 2] ?? 0)));
    query.append(name, value);
    if (spoil === "query twice") query.append(name, value);
  });
  if (spoil === "query key") query.append(text.toWellFormed() || "x", text.toWellFormed());
  return query.size === 0 ? "" : `?${query}`;
}

/** What a header can carry at all: anything else no client could send. */
const sendable = (text: string): string => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?");

function headersOf(operation: Operation, spoil: (typeof spoils)[number], text: string, pick: readonly number[]): Record<string, string> {
  const of = (operation.parameters ?? []).filter((one) => one.in === "header").map(({ name }) => name);
  const headers: Record<string, string> = {};
  if (of.includes("idempotency-key")) headers["idempotency-key"] = spoil === "header" ? sendable(text) : `fuzz-${pick[3]}`;
  if (of.includes("last-event-id") && (spoil === "header" || (pick[4] ?? 0) % 2 === 0)) headers["last-event-id"] = spoil === "header" ? sendable(text) : `${pick[5]}-${pick[6]}`;
  if (spoil === "header" && (pick[7] ?? 0) % 2 === 0) headers["content-type"] = sendable(text);
  return headers;
}

function bodyOf(body: unknown, spoil: (typeof spoils)[number], odd: unknown, at: number): string | undefined {
  if (spoil === "body text") return brokenBodies[at % brokenBodies.length];
  if (spoil === "body key" && typeof body === "object" && body !== null) Object.assign(body, { [typeof odd === "string" && odd !== "__proto__" ? odd.slice(0, 50) : "unknown"]: odd });
  else if (spoil === "body value") return JSON.stringify(replaced(body, odd, at)) ?? "null";
  return body === undefined ? undefined : JSON.stringify(body);
}

/** The value with something odd in one of its places. */
function replaced(value: unknown, odd: unknown, at: number): unknown {
  if (typeof value !== "object" || value === null) return odd;
  const keys = Object.keys(value);
  const key = keys[at % keys.length];
  if (key === undefined || at % 5 === 4) return odd;
  const inner = (value as Record<string, unknown>)[key];
  return Object.assign(Array.isArray(value) ? [...value] : { ...value }, { [key]: at % 2 === 0 ? replaced(inner, odd, Math.floor(at / 7)) : odd });
}
