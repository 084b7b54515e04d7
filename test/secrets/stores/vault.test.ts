import type { ServerResponse } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { vaultStore, type VaultSettings } from "../../../src/secrets/stores/vault.ts";
import { type Heard, type PlayedStore, playStore, sendJson } from "./http-server.ts";

/** A Vault as its HTTP API documents it: KV version 2 under `kv`, AppRole under `auth/approle`, in a namespace. */
class PlayedVault {
  readonly versions = new Map<string, (Record<string, unknown> | null)[]>();
  readonly tokens = new Map<string, { lease: number; renewable: boolean }>([["root-token", { lease: 0, renewable: false }]]);
  readonly secretIds = new Set(["secret-id-1"]);
  logins = 0;
  renewals = 0;
  /** Instead of an answer. */
  fault: ((response: ServerResponse) => void) | null = null;
  leaseSeconds = 3600;

  readonly answer = ({ method, url, headers, body }: Heard, response: ServerResponse): void => {
    if (this.fault !== null) return this.fault(response);
    if (headers["x-vault-namespace"] !== "team") return sendJson(response, 404, { errors: [] });
    if (method === "POST" && url === "/v1/auth/approle/login") {
      const { role_id: role, secret_id: secret } = JSON.parse(body) as Record<string, string>;
      if (role !== "role-1" || !this.secretIds.has(secret ?? "")) return sendJson(response, 400, { errors: ["invalid role or secret ID"] });
      this.logins += 1;
      return this.grant(response, `token-${this.logins}`);
    }
    const token = String(headers["x-vault-token"] ?? "");
    if (!this.tokens.has(token)) return sendJson(response, 403, { errors: ["permission denied"] });
    if (method === "POST" && url === "/v1/auth/token/renew-self") {
      this.renewals += 1;
      return this.grant(response, token);
    }
    const { pathname, searchParams } = new URL(url, "http://vault");
    const path = decodeURIComponent(/^\/v1\/kv\/data\/(.+)$/.exec(pathname)?.[1] ?? "");
    if (path === "acme/forbidden") return sendJson(response, 403, { errors: ["1 error occurred:\n\t* permission denied\n\n"] });
    const versions = this.versions.get(path);
    const wanted = Number(searchParams.get("version") ?? 0) || (versions?.length ?? 0);
    if (versions === undefined || wanted > versions.length) return sendJson(response, 404, { errors: [] });
    const data = versions[wanted - 1] ?? null;
    const metadata = { created_time: "2026-01-01T00:00:00Z", custom_metadata: null, deletion_time: data === null ? "2026-01-02T00:00:00Z" : "", destroyed: false, version: wanted };
    return sendJson(response, data === null ? 404 : 200, { request_id: "r", lease_id: "", renewable: false, lease_duration: 0, data: { data, metadata }, wrap_info: null, warnings: null, auth: null });
  };

  private grant(response: ServerResponse, token: string): void {
    this.tokens.set(token, { lease: this.leaseSeconds, renewable: true });
    sendJson(response, 200, { auth: { client_token: token, lease_duration: this.leaseSeconds, renewable: true, policies: ["default"] } });
  }
}

let vault: PlayedVault;
let server: PlayedStore;
let directory: string;
beforeEach(async () => {
  vault = new PlayedVault();
  server = await playStore(vault.answer);
  directory = await mkdtemp(join(tmpdir(), "leasehold-test-"));
  await writeFile(join(directory, "token"), "root-token\n");
  await writeFile(join(directory, "secret-id"), "secret-id-1\n");
  vault.versions.set("acme/token", [{ value: "first-value" }, { value: "second-value", other: "another-field" }]);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const byToken = (): VaultSettings["login"] => ({ method: "token", tokenFile: join(directory, "token") });
const byRole = (): VaultSettings["login"] => ({ method: "approle", mount: "approle", roleId: "role-1", secretIdFile: join(directory, "secret-id") });
const store = (login = byToken(), timeoutMs = 5000) => vaultStore("vault", { url: server.url, namespace: "team", mount: "kv", login, timeoutMs });
const signal = new AbortController().signal;
const read = (one = store(), path = "acme/token", version: number | "latest" = "latest", key?: string): Promise<string> => one.read({ path, ...(key === undefined ? {} : { key }) }, version, signal);

/** Neither a token nor a value is in what is thrown. */
async function refusal(reading: Promise<string>): Promise<unknown> {
  const error = await reading.then(() => null, (e: unknown) => e);
  expect(inspect(error, { depth: 10 })).not.toMatch(/root-token|token-\d|secret-id-\d|first-value|second-value/);
  return error;
}

describe("Vault", () => {
  it("gives the latest version, or the one that is named, and the field that is named", async () => {
    expect(await read()).toBe("second-value");
    expect(await read(store(), "acme/token", 1)).toBe("first-value");
    expect(await read(store(), "acme/token", "latest", "other")).toBe("another-field");
    expect(server.heard[0]).toMatchObject({ method: "GET", url: "/v1/kv/data/acme/token", headers: { "x-vault-token": "root-token", "x-vault-namespace": "team", "x-vault-request": "true" } });
    expect(server.heard[1]?.url).toBe("/v1/kv/data/acme/token?version=1");
  });

  it("sees a rotation and a deletion at once", async () => {
    const one = store();
    vault.versions.get("acme/token")?.push({ value: "third-value" });
    expect(await read(one)).toBe("third-value");
    vault.versions.get("acme/token")?.push(null);
    expect(await refusal(read(one))).toMatchObject({ kind: "invalid", code: "secret_version_not_found" });
    expect(await read(one, "acme/token", 3)).toBe("third-value");
  });

  it.each([
    ["nothing is there", "acme/nothing", "latest", undefined, "secret_not_in_store"],
    ["there is no such version", "acme/token", 9, undefined, "secret_version_not_found"],
    ["there is no such field", "acme/token", "latest", "missing", "secret_not_in_store"],
    ["a field that every object has", "acme/token", "latest", "constructor", "secret_not_in_store"],
  ] as const)("is invalid where %s", async (_what, path, version, key, code) => {
    expect(await refusal(read(store(), path, version, key))).toMatchObject({ kind: "invalid", code });
  });

  it("is refused where a policy denies, or the token is wrong", async () => {
    expect(await refusal(read(store(), "acme/forbidden"))).toMatchObject({ kind: "refused", code: "secret_store_denied" });
    await writeFile(join(directory, "token"), "old-token");
    expect(await refusal(read())).toMatchObject({ kind: "refused", code: "secret_store_denied" });
    await rm(join(directory, "token"));
    expect(await refusal(read())).toMatchObject({ kind: "refused", code: "secret_store_unconfigured" });
  });

  it.each([
    ["is sealed", (r: ServerResponse): void => sendJson(r, 503, { errors: ["Vault is sealed"] }), "sealed"],
    ["has too much to do", (r: ServerResponse): void => sendJson(r, 429, { errors: ["request path kv: rate limit quota exceeded"] }), "429"],
    ["is broken", (r: ServerResponse): void => sendJson(r, 500, { errors: ["internal error"] }), "500"],
    ["answers what is no JSON", (r: ServerResponse): void => void r.writeHead(200).end("<html>second-value</html>"), "200"],
    ["answers JSON that means nothing", (r: ServerResponse): void => sendJson(r, 200, { data: { value: "second-value" } }), "200"],
    ["leads elsewhere", (r: ServerResponse): void => void r.writeHead(302, { location: "http://127.0.0.1:9/v1/kv/data/acme/token" }).end(), ""],
    ["breaks the connection off", (r: ServerResponse): void => void r.destroy(), ""],
    ["never stops answering", (r: ServerResponse): void => void r.writeHead(200).write(Buffer.alloc(2 * 1024 * 1024, " ")), "longer"],
  ] as const)("is transient when it %s", async (_what, fault, says) => {
    vault.fault = fault;
    expect(await refusal(read())).toMatchObject({ kind: "transient", message: expect.stringContaining(says) });
    vault.fault = null;
    expect(await read()).toBe("second-value");
  });

  it("is transient when it takes too long, or is not there", async () => {
    vault.fault = () => {};
    expect(await refusal(read(store(byToken(), 50)))).toMatchObject({ kind: "transient", code: "secret_store_unavailable", message: expect.stringContaining("50 ms") });
    await server[Symbol.asyncDispose]();
    expect(await refusal(read())).toMatchObject({ kind: "transient", code: "secret_store_unavailable" });
  });
});

describe("Vault, with an AppRole", () => {
  it("logs in once for all who ask at once, and goes on with that token", async () => {
    const one = store(byRole());
    expect(await Promise.all([read(one), read(one), read(one)])).toEqual(["second-value", "second-value", "second-value"]);
    expect(vault.logins).toBe(1);
    expect(JSON.parse(server.heard[0]?.body ?? "")).toEqual({ role_id: "role-1", secret_id: "secret-id-1" });
  });

  it("renews a token after two thirds of its life, and logs in again when its end has come or it cannot be renewed", async () => {
    const clock = vi.spyOn(performance, "now");
    const after = (seconds: number): void => void clock.mockReturnValue(seconds * 1000);
    after(0);
    const one = store(byRole());
    await read(one);
    after(2390);
    await read(one);
    expect([vault.logins, vault.renewals]).toEqual([1, 0]);
    after(2410);
    await read(one);
    expect([vault.logins, vault.renewals]).toEqual([1, 1]);
    after(2410 + 2410);
    vault.tokens.delete("token-1");
    await read(one);
    expect([vault.logins, vault.renewals]).toEqual([2, 1]);
    after(100_000);
    await read(one);
    expect([vault.logins, vault.renewals]).toEqual([3, 1]);
    clock.mockRestore();
  });

  it("logs in again when its token was revoked before its time", async () => {
    const one = store(byRole());
    await read(one);
    vault.tokens.delete("token-1");
    expect(await read(one)).toBe("second-value");
    expect(vault.logins).toBe(2);
  });

  it("is refused when the secret id is wrong, and takes a new one from its file", async () => {
    vault.secretIds.clear();
    const one = store(byRole());
    expect(await refusal(read(one))).toMatchObject({ kind: "refused", code: "secret_store_denied" });
    vault.secretIds.add("secret-id-2");
    await writeFile(join(directory, "secret-id"), "secret-id-2");
    expect(await read(one)).toBe("second-value");
  });
});
