import type { Problem } from "./wire.ts";

/** A request that was refused or did not come through. */
export class LeaseholdRequestError extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** `noun_problem`, or `api_unreachable` when no answer came. */
  readonly code: string;
  readonly detail: string;
  /** The faulty fields, where that is what is wrong. */
  readonly errors: readonly { readonly field: string; readonly message: string }[];
  /** Seconds after which the server asked to be asked again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Pick<Problem, "status" | "code" | "detail" | "errors">, facts: { cause?: unknown; retryAfter?: number } = {}) {
    super(problem.detail, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "LeaseholdRequestError";
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.retryAfter = facts.retryAfter;
  }
}

/** What an answer that is not a success says. Proxies answer in their own ways; then the status has to do. */
export async function errorOf(response: Response): Promise<LeaseholdRequestError> {
  const text = await response.text().catch(() => "");
  const problem = asProblem(text);
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new LeaseholdRequestError(
    {
      status: response.status,
      code: problem?.code ?? `http_${response.status}`,
      detail: problem?.detail ?? `the server answered ${response.status} ${response.statusText}`.trim(),
      errors: problem?.errors ?? [],
    },
    Number.isFinite(seconds) ? { retryAfter: seconds } : {},
  );
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
