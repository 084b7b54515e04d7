import type { ApiErrorCode, ClientErrorCode } from "./codes.ts";
import type { Problem } from "./wire.ts";

/**
 * What a caller can do about an error, by the status of the answer.
 *
 * - `unreachable`: no answer came, or it broke off. Whether the request was carried out is not known. Later.
 * - `rate_limited`, `busy`: not now; `retryAfter` may say when. What is rate limited was not begun.
 * - `failed`: something behind the API failed or did not answer. Later, or ask an operator.
 * - `invalid`: can never work as asked.
 * - `unauthorized`, `forbidden`: the token is missing or unknown; it may not do this.
 * - `not_found`, `gone`: no such thing in this company; not any more.
 * - `conflict`: not as things are now: the lease is not active, the key belongs to another request.
 * - `internal`: a bug of Leasehold; its log has the details.
 */
export type RequestErrorKind =
  | "unreachable"
  | "rate_limited"
  | "busy"
  | "failed"
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "gone"
  | "conflict"
  | "internal";

/** `noun_problem`. Those that this version knows, and whatever a newer server or a proxy may say. */
export type ErrorCode = ApiErrorCode | ClientErrorCode | `http_${number}` | (string & {});

/** A request that was refused or did not come through. The only error this client throws, beside the reason of an abort. */
export class LeaseholdRequestError extends Error {
  readonly kind: RequestErrorKind;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  /** The faulty fields, where that is what is wrong. */
  readonly errors: readonly { readonly field: string; readonly message: string }[];
  /** Seconds after which the server asked to be asked again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Pick<Problem, "status" | "detail" | "errors"> & { readonly code: ErrorCode }, facts: { cause?: unknown; retryAfter?: number | undefined } = {}) {
    super(problem.detail, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "LeaseholdRequestError";
    this.kind = kindOf(problem.status);
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.retryAfter = facts.retryAfter;
  }
}

function kindOf(status: number): RequestErrorKind {
  switch (status) {
    case 0:
      return "unreachable";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 409:
      return "conflict";
    case 410:
      return "gone";
    case 429:
      return "rate_limited";
    case 502:
    case 504:
      return "failed";
    case 503:
      return "busy";
    default:
      return status >= 500 ? "internal" : "invalid";
  }
}

/** What an answer that is not a success says. Proxies answer in their own ways; then the status has to do. */
export async function errorOf(response: Response): Promise<LeaseholdRequestError> {
  const text = await response.text().catch(() => "");
  const problem = asProblem(text);
  const { status } = response;
  return new LeaseholdRequestError(
    {
      status,
      code: problem?.code ?? `http_${status}`,
      detail: problem?.detail ?? `the server answered ${status} ${response.statusText}`.trim(),
      errors: problem?.errors ?? [],
    },
    { retryAfter: secondsUntil(response.headers.get("retry-after")) },
  );
}

/** A redirect: a token goes to the server it was given for, and nowhere else. */
export function redirected(response: Response): LeaseholdRequestError {
  const where = response.headers.get("location") ?? "elsewhere";
  return new LeaseholdRequestError({ status: response.status, code: "redirect_refused", detail: `the server sends on to ${where}; the token is not sent there. Set the URL of the API itself` });
}

/** A success that is none of this API's. */
export function unreadable(response: Response, url: string, cause: unknown): LeaseholdRequestError {
  return new LeaseholdRequestError({ status: response.status, code: "answer_malformed", detail: `${url} answers ${response.status} with something that is not JSON; is it the URL of a Leasehold API?` }, { cause });
}

/** An answer that never came. */
export function unreachable(url: string, cause: unknown): LeaseholdRequestError {
  const why = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message || String(cause.cause) : cause.message) : String(cause);
  return new LeaseholdRequestError({ status: 0, code: "api_unreachable", detail: `${url} cannot be reached: ${why}` }, { cause });
}

function asProblem(text: string): Partial<Problem> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" ? (parsed as Partial<Problem> | null) : null;
  } catch {
    return null;
  }
}

/** `Retry-After` is a number of seconds or a date. */
function secondsUntil(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
