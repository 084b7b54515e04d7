/**
 * What the caller should do about an error. Everything thrown across a room's border is one of these;
 * anything else is a bug.
 *
 * - `invalid`: can never work as asked; change the request.
 * - `stale`: somebody newer owns the row; stop quietly.
 * - `busy`: no room now; come again later, the attempt does not count.
 * - `transient`: come again later, the attempt counts.
 * - `refused`: needs a human (credentials, host key, permissions); fail and alert.
 * - `gone`: the resource is not there any more.
 * - `cancelled`: the caller itself asked to stop.
 */
export type ErrorKind = "invalid" | "stale" | "busy" | "transient" | "refused" | "gone" | "cancelled";

export interface ErrorFacts {
  /** The original error, kept for the log. */
  cause?: unknown;
  /** For `invalid`: which fields are wrong and what to do about each. */
  faults?: readonly FieldFault[];
  /** HTTP status when the kind's usual one is not precise enough (404 and 409 for `invalid`). */
  status?: number;
  /** For `busy`: seconds after which another try makes sense. */
  retryAfter?: number;
}

export interface FieldFault {
  /** Dotted path of the field, for example `request.command.0`. */
  field: string;
  message: string;
}

/** The one error class of Leasehold. `code` has the form `noun_problem` and is part of the interface. */
export class LeaseholdError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly faults: readonly FieldFault[];
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(kind: ErrorKind, code: string, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "LeaseholdError";
    this.kind = kind;
    this.code = code;
    this.faults = facts.faults ?? [];
    this.status = facts.status;
    this.retryAfter = facts.retryAfter;
  }
}

type Make = (code: string, message: string, facts?: ErrorFacts) => LeaseholdError;
const make =
  (kind: ErrorKind): Make =>
  (code, message, facts) =>
    new LeaseholdError(kind, code, message, facts);

export const invalid: Make = make("invalid");
export const stale: Make = make("stale");
export const busy: Make = make("busy");
export const transient: Make = make("transient");
export const refused: Make = make("refused");
export const gone: Make = make("gone");
export const cancelled: Make = make("cancelled");

/** Whether `error` is ours and of the given kind. */
export const isKind = (error: unknown, kind: ErrorKind): error is LeaseholdError =>
  error instanceof LeaseholdError && error.kind === kind;

/**
 * A line that says what went wrong, for rows, jobs and logs, cut so that a provider's essay does not fill a row. An error
 * that carries a statement's parameters speaks through its cause: parameters may be secret.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, 500).toWellFormed();
  if ("params" in error && error.cause !== undefined) return reasonOf(error.cause);
  return error.message.slice(0, 500).toWellFormed();
}
