import { STATUS_CODES } from "node:http";
import type { Logger } from "pino";
import { isOutage } from "../db/retry.ts";
import { busy, type ErrorKind, LeaseholdError } from "../domain/errors.ts";
import type { Problem } from "../wire/problem.ts";

/** The usual status of each kind; an error that knows better says so itself. */
const statuses: { readonly [K in ErrorKind]: number } = {
  invalid: 422,
  stale: 409,
  busy: 503,
  transient: 502,
  refused: 502,
  gone: 410,
  cancelled: 409,
};

/** Seconds after which a caller should come again when nobody knows better. */
const comeAgain = 1;

/**
 * The answer to an error: the one place where kinds become statuses. What is not one of ours is a bug (or a database that
 * cannot be reached): its text stays in the log.
 */
export function problemOf(error: unknown, log: Logger): Response {
  const ours = knownError(error);
  if (ours === null) log.error({ err: error }, "a request failed for a reason nobody thought of");
  const problem = ours === null ? thoughtOfByNobody : problemFor(ours);
  const { status } = problem;
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="leasehold"');
  // What is left of the body is not worth reading; the next request needs a connection of its own.
  if (status === 413) headers.set("connection", "close");
  if (status === 503 || status === 429) headers.set("retry-after", String(ours?.retryAfter ?? comeAgain));
  return new Response(JSON.stringify(problem), { status, headers });
}

/** What an error of ours says to whoever asked. */
export function problemFor(error: LeaseholdError): Problem {
  const status = error.status ?? statuses[error.kind];
  return {
    type: `urn:leasehold:problem:${error.code}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: error.message,
    code: error.code,
    ...(error.faults.length === 0 ? {} : { errors: error.faults }),
  };
}

const thoughtOfByNobody: Problem = {
  type: "about:blank",
  title: "Internal Server Error",
  status: 500,
  detail: "An error nobody thought of; the log of the API has the details.",
  code: "internal_error",
};

function knownError(error: unknown): LeaseholdError | null {
  if (error instanceof LeaseholdError) return error;
  if (isOutage(error)) return busy("database_unavailable", "the database cannot be reached at the moment; ask again", { cause: error });
  return null;
}
