import { randomUUID } from "node:crypto";
import { errorOf, LeaseholdRequestError, redirected, unreachable, unreadable } from "./error.ts";
import { Patience, type PatienceTimes } from "./retry.ts";

export interface Abortable {
  /** Ends the waiting. What was asked for goes on, unless it says otherwise. The call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Of a request that makes something. */
export interface Keyed extends Abortable {
  /** The same key gives the same thing, whoever asks and however often. Without one, a key is made for this call. */
  readonly idempotencyKey?: string | undefined;
}

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request may be sent twice: then what passes is tried again. Else only what the server says it has not begun. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Speaks to one API. */
export interface Transport {
  /** Where the API is. */
  readonly url: string;
  readonly patience: PatienceTimes;
  /** The answer of a request that succeeded, tried once. Throws `LeaseholdRequestError`; an abort throws the signal's reason. */
  send(call: Call): Promise<Response>;
  /** The body of that answer, tried again where it may be. */
  json<T>(call: Call): Promise<T>;
  /** Makes something under an idempotency key, tried again until an answer is there. */
  make<T>(path: string, body: unknown, keyed: Keyed): Promise<Made<T>>;
}

export interface Made<T> {
  readonly value: T;
  /** Whether it is surely nobody else's: it was not there before, or its key is of this call alone. */
  readonly own: boolean;
}

export interface TransportOptions {
  /** Where the API is, like `http://127.0.0.1:8420`. */
  readonly url: string;
  /** Bearer token of a company. A function is asked for each request, so that tokens can be changed under way. */
  readonly token: string | (() => string | Promise<string>);
  /** Used instead of the global `fetch`, for proxies and tests. */
  readonly fetch?: typeof fetch | undefined;
  readonly patience?: PatienceTimes | undefined;
}

/** How long a request may go without an answer. Longer than anything the API does. Milliseconds. */
const usualAnswer = 60_000;

/** Throws TypeError for a URL or a token that can be none. */
export function openTransport(options: TransportOptions): Transport {
  const base = addressOf(options.url);
  const request = options.fetch ?? fetch;
  const times = options.patience ?? {};
  const answer = times.answer ?? usualAnswer;
  if (typeof options.token !== "function") bearer(options.token);

  const ask = async <T>(call: Call, read: (response: Response) => T | Promise<T>): Promise<T> => {
    const url = new URL(base + call.path);
    for (const [key, value] of Object.entries(call.query ?? {})) if (value !== undefined) url.searchParams.set(key, String(value));
    const headers = new Headers({ ...(call.body === undefined ? {} : { "content-type": "application/json" }), ...call.headers });
    headers.set("authorization", bearer(typeof options.token === "function" ? await options.token() : options.token));
    const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) };

    call.signal?.throwIfAborted();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${answer / 1000} s`)), answer);
    const signal = call.signal === undefined ? late.signal : AbortSignal.any([call.signal, late.signal]);
    try {
      const response = await request(url, { method: call.method ?? "GET", headers, ...body, redirect: "manual", signal });
      if (response.status >= 300 && response.status < 400) throw redirected(response);
      if (!response.ok) throw await errorOf(response);
      return await read(response);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw error instanceof LeaseholdRequestError ? error : unreachable(base, error);
    } finally {
      clearTimeout(timer);
    }
  };

  const repeated = async <T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> => {
    const patience = new Patience(times);
    for (;;) {
      try {
        return await ask(call, read);
      } catch (error) {
        const untouched = error instanceof LeaseholdRequestError && error.kind === "rate_limited";
        if (!call.repeatable && !untouched) throw error;
        await patience.after(error, call.signal);
      }
    }
  };

  return {
    url: base,
    patience: times,
    send: (call) => ask(call, (response) => response),
    json: <T>(call: Call) => repeated(call, (response) => jsonOf<T>(response, base)),
    make: <T>(path: string, body: unknown, { idempotencyKey, signal }: Keyed) => {
      const headers = { "idempotency-key": idempotencyKey ?? randomUUID() };
      return repeated({ method: "POST", path, body, headers, repeatable: true, signal }, async (response) => ({
        value: await jsonOf<T>(response, base),
        own: idempotencyKey === undefined || response.status === 201,
      }));
    },
  };
}

function addressOf(url: string): string {
  if (!URL.canParse(url)) throw new TypeError(`url is ${JSON.stringify(url)}; give where the API is, like http://127.0.0.1:8420`);
  const { protocol, username, password } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") throw new TypeError(`url begins with ${protocol}; give one that begins with http: or https:`);
  if (username !== "" || password !== "") throw new TypeError("url has a user or a password in it; give the token as token");
  return url.replace(/\/+$/, "");
}

/** A token's header. What is not a token is not told in the error: it may be most of one. */
function bearer(token: unknown): string {
  const text = typeof token === "string" ? token.trim() : "";
  if (!/^[\x21-\x7e]+$/.test(text)) throw new TypeError("token is not a token: give printable ASCII without spaces, or a function that gives it");
  return `Bearer ${text}`;
}

async function jsonOf<T>(response: Response, url: string): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw unreadable(response, url, error);
  }
}

/** Every item of a listing, page by page, as far as the caller goes. */
export async function* pagesOf<T>(page: (cursor: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { items, next } = await page(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}
