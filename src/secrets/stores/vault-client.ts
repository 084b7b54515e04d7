import { unavailable } from "./errors.ts";

/** Where a Vault is. */
export interface VaultPlace {
  readonly url: string;
  readonly namespace?: string | undefined;
  readonly timeoutMs: number;
}

export interface VaultAnswer {
  readonly status: number;
  /** Undefined where there was no JSON. */
  readonly body: unknown;
}

export interface VaultClient {
  /** `path` is what follows `/v1/`. Throws `transient` when the Vault is not there, sealed, busy or broken. */
  call(method: "GET" | "POST", path: string, options: { token?: string; body?: unknown; signal: AbortSignal }): Promise<VaultAnswer>;
}

/** More than any secret that could be used, and what is said around it. */
const longestAnswer = 1024 * 1024;

/** Talks to the HTTP API that HashiCorp Vault and OpenBao share. */
export function vaultClient(name: string, { url, namespace, timeoutMs }: VaultPlace): VaultClient {
  const base = url.replace(/\/+$/, "");
  return {
    call: async (method, path, { token, body, signal }) => {
      const late = AbortSignal.timeout(timeoutMs);
      try {
        const response = await fetch(`${base}/v1/${path}`, {
          method,
          headers: {
            "x-vault-request": "true",
            ...(token === undefined ? {} : { "x-vault-token": token }),
            ...(namespace === undefined ? {} : { "x-vault-namespace": namespace }),
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          // A token follows no redirect to wherever.
          redirect: "error",
          signal: AbortSignal.any([signal, late]),
        });
        if (response.status === 429 || response.status >= 500) {
          await response.body?.cancel();
          throw unavailable(name, response.status === 503 ? "it is sealed or under maintenance (503)" : `it answered ${response.status}`);
        }
        return { status: response.status, body: await jsonOf(name, response) };
      } catch (error) {
        if (late.aborted && !signal.aborted) throw unavailable(name, `no answer within ${timeoutMs} ms`, error);
        if (error instanceof TypeError) throw unavailable(name, causeOf(error), error);
        throw error;
      }
    },
  };
}

async function jsonOf(name: string, response: Response): Promise<unknown> {
  let length = 0;
  const pieces: Uint8Array[] = [];
  for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += piece.length;
    if (length > longestAnswer) throw unavailable(name, `its answer is longer than ${longestAnswer} bytes`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** What `fetch` says behind its "fetch failed": a code, and never what was sent. */
const causeOf = ({ cause }: TypeError): string => (cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "the connection failed");
