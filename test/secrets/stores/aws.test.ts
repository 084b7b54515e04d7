import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { awsStore } from "../../../src/secrets/stores/aws.ts";
import { type PlayedStore, playStore, sendJson } from "./http-server.ts";

const secrets = new Map<string, { SecretString?: string; SecretBinary?: string }>();
let fault: ((response: ServerResponse) => void) | null = null;
let server: PlayedStore;
beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "aws-own-secret");
  fault = null;
  secrets.clear();
  secrets.set("acme/token", { SecretString: "first-value" });
  secrets.set("acme/json", { SecretString: JSON.stringify({ password: "json-value", port: 5432 }) });
  secrets.set("acme/bytes", { SecretBinary: "AAAA" });
  server = await playStore(({ body, headers }, response) => {
    if (fault !== null) return fault(response);
    if (headers["x-amz-target"] !== "secretsmanager.GetSecretValue") return failure(response, 400, "UnknownOperationException");
    const { SecretId: name } = JSON.parse(body) as { SecretId: string };
    const found = secrets.get(name);
    if (found === undefined) return failure(response, 400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    return aws(response, 200, { ARN: `arn:aws:secretsmanager:eu-west-1:1:secret:${name}`, Name: name, VersionId: "v", VersionStages: ["AWSCURRENT"], CreatedDate: 1.7e9, ...found });
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
});

const aws = (response: ServerResponse, status: number, body: unknown): void => sendJson(response, status, body, { "content-type": "application/x-amz-json-1.1" });
const failure = (response: ServerResponse, status: number, type: string, message = "no"): void => aws(response, status, { __type: type, message });
const store = (timeoutMs = 10_000) => awsStore("aws", { region: "eu-west-1", endpoint: server.url, timeoutMs });
const read = (path: string, key?: string, one = store()): Promise<string> => one.read({ path, ...(key === undefined ? {} : { key }) }, "latest", new AbortController().signal);

async function refusal(reading: Promise<string>): Promise<unknown> {
  const error = await reading.then(() => null, (e: unknown) => e);
  expect(inspect(error, { depth: 6 })).not.toMatch(/aws-own-secret|first-value|json-value/);
  return error;
}

describe("AWS Secrets Manager", () => {
  it("is asked as its API wants it, signed, and gives the text or one of its fields", async () => {
    expect(await read("acme/token")).toBe("first-value");
    expect(await read("acme/json", "password")).toBe("json-value");
    const [first] = server.heard;
    expect(first).toMatchObject({ method: "POST", headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.GetSecretValue", "x-amz-date": expect.stringMatching(/^\d{8}T\d{6}Z$/) } });
    expect(first?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/secretsmanager\/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$/);
    expect(JSON.parse(first?.body ?? "")).toEqual({ SecretId: "acme/token" });
  });

  it("sees a rotation and a deletion at once", async () => {
    const one = store();
    expect(await read("acme/token", undefined, one)).toBe("first-value");
    secrets.set("acme/token", { SecretString: "second-value" });
    expect(await read("acme/token", undefined, one)).toBe("second-value");
    secrets.delete("acme/token");
    expect(await refusal(read("acme/token", undefined, one))).toMatchObject({ kind: "invalid", code: "secret_not_in_store" });
  });

  it.each([
    ["acme/token", "password", "invalid", "secret_not_in_store"],
    ["acme/json", "port", "invalid", "secret_not_in_store"],
    ["acme/json", "constructor", "invalid", "secret_not_in_store"],
    ["acme/bytes", undefined, "transient", "secret_store_confused"],
  ] as const)("has no text at %s %s: %s", async (path, key, kind, code) => {
    expect(await refusal(read(path, key))).toMatchObject({ kind, code });
  });

  it.each([
    ["InvalidRequestException", 400, "invalid", "secret_not_in_store"],
    ["AccessDeniedException", 400, "refused", "secret_store_denied"],
    ["DecryptionFailure", 400, "refused", "secret_store_denied"],
    ["UnrecognizedClientException", 400, "refused", "secret_store_denied"],
    ["ExpiredTokenException", 400, "refused", "secret_store_denied"],
    ["ThrottlingException", 400, "transient", "secret_store_unavailable"],
    ["InternalServiceError", 500, "transient", "secret_store_unavailable"],
  ] as const)("%s (%i) is %s", async (type, status, kind, code) => {
    fault = (response) => failure(response, status, type);
    expect(await refusal(read("acme/token"))).toMatchObject({ kind, code });
    // Whoever wants the secret tries again; the client does not by itself.
    expect(server.heard.length).toBe(1);
  });

  it.each([
    ["answers what is no JSON", (r: ServerResponse): void => void r.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end("<html>first-value</html>")],
    ["answers without a secret", (r: ServerResponse): void => aws(r, 200, {})],
    ["breaks the connection off", (r: ServerResponse): void => void r.destroy()],
  ] as const)("is transient when it %s", async (_what, how) => {
    fault = how;
    expect(await refusal(read("acme/token"))).toMatchObject({ kind: "transient" });
  });

  it("is transient when it takes too long", async () => {
    fault = () => {};
    expect(await refusal(read("acme/token", undefined, store(200)))).toMatchObject({ kind: "transient", message: expect.stringContaining("200 ms") });
  });
});
