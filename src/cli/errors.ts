import { LeaseholdRequestError } from "../client/error.ts";
import { LeaseholdError } from "../domain/errors.ts";
import { exitCodes, exitMeanings, exitNameOf } from "./exit-codes.ts";

/** Ends the command line with a message and a code. */
export class CliError extends Error {
  readonly exitCode: number;
  /** The API's code, where it is the API's error in other words. */
  readonly code: string | undefined;

  constructor(exitCode: number, message: string, code?: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** An error as programs read it: RFC 9457, with the exit code, and the status where the API answered. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  /** The API's or the program's own code; where neither has one, the name of the exit code. */
  readonly code: string;
  readonly exitCode: number;
  readonly status?: number;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly problem: Problem;
}

/** What an error means for whoever called us. */
export function exitOf(error: unknown): Failure {
  if (error instanceof CliError) return failure(error.exitCode, error.message, error.code === undefined ? {} : { code: error.code });
  if (error instanceof LeaseholdRequestError) {
    return failure(codeOfStatus(error.status), error.detail, { code: error.code, ...(error.status === 0 ? {} : { status: error.status }), ...listed(error.errors) });
  }
  if (error instanceof LeaseholdError) return failure(codeOfKind(error), error.message, { code: error.code, ...listed(error.faults) });
  return failure(exitCodes.bug, error instanceof Error ? (error.stack ?? error.message) : String(error));
}

const listed = (errors: NonNullable<Problem["errors"]>): Pick<Problem, "errors"> => (errors.length === 0 ? {} : { errors });

function failure(exitCode: number, message: string, known: Partial<Problem> = {}): Failure {
  const name = exitNameOf(exitCode);
  const code = known.code ?? name;
  return { code: exitCode, message, problem: { type: `urn:leasehold:problem:${code}`, title: exitMeanings[name], detail: message, exitCode, ...known, code } };
}

/** Of what was typed. */
export const usageFailure = (message: string): Failure => failure(exitCodes.usage, message);

function codeOfStatus(status: number): number {
  switch (status) {
    case 0:
      return exitCodes.unavailable;
    case 401:
    case 403:
      return exitCodes.notAllowed;
    case 404:
    case 410:
      return exitCodes.notFound;
    case 429:
    case 502:
    case 503:
    case 504:
      return exitCodes.tryAgain;
    default:
      return status >= 500 ? exitCodes.bug : exitCodes.refused;
  }
}

/** Errors of the long-running commands, which talk to no API. */
function codeOfKind(error: LeaseholdError): number {
  if (error.kind === "invalid") return exitCodes.config;
  if (error.kind === "refused") return exitCodes.notAllowed;
  return error.kind === "busy" || error.kind === "transient" ? exitCodes.tryAgain : exitCodes.unavailable;
}
