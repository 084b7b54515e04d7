import { busy, cancelled, gone, invalid, LeaseholdError, refused, transient } from "../../domain/errors.ts";
import { errnoOf } from "../host-directory/errno.ts";
import { ProviderError } from "./provider-error.ts";

/**
 * What the provider's errors mean for a caller: the only place that knows. What is neither the provider's nor ours goes
 * through as it is; that is a bug, and who calls drivers says so.
 */
export function translate(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof LeaseholdError) return error;
  if (signal.aborted && error === signal.reason) return cancelled("call_cancelled", "nobody wants the answer any more", { cause: error });
  if (error instanceof ProviderError) return byAnswer(error);
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  if (["EACCES", "EPERM", "EROFS"].includes(errno)) {
    return refused("root_not_writable", "the fake provider's directory cannot be written to; give this user write permission there", { cause: error });
  }
  return transient("provider_unavailable", `the fake provider's directory fails: ${errno}`, { cause: error });
}

function byAnswer(error: ProviderError): LeaseholdError {
  const { message } = error;
  const facts = { cause: error };
  switch (error.answer) {
    case "unavailable":
      return transient("provider_unavailable", message, facts);
    case "no_answer":
      return transient("provider_no_answer", message, facts);
    case "rate_limited":
      return busy("provider_full", message, { ...facts, retryAfter: 1 });
    case "unauthorized":
      return refused("provider_unauthorized", message, facts);
    case "not_found":
      return gone("sandbox_gone", message, facts);
    case "bad_request":
      return invalid("provider_rejected", message, facts);
  }
}
