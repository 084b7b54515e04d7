import { LeaseholdRequestError } from "../client/index.ts";
import { LeaseholdError } from "../domain/errors.ts";
import { exitCodes } from "./exit-codes.ts";

/** Ends the command line with a message and a code. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

/** What an error means for whoever called us. */
export function exitOf(error: unknown): { readonly code: number; readonly message: string } {
  if (error instanceof CliError) return { code: error.exitCode, message: error.message };
  if (error instanceof LeaseholdRequestError) return { code: codeOfStatus(error.status), message: error.detail };
  if (error instanceof LeaseholdError) return { code: codeOfKind(error), message: error.message };
  return { code: exitCodes.bug, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

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
