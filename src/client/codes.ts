/** Codes that the API answers with. `docs/reference.md` says what each means. */
export const apiErrorCodes = [
  "api_not_ready",
  "body_invalid",
  "body_encoded",
  "body_malformed",
  "body_too_complex",
  "body_too_large",
  "company_invalid",
  "company_name_taken",
  "company_not_found",
  "config_invalid",
  "database_unavailable",
  "default_invalid",
  "environment_in_use",
  "environment_inactive",
  "environment_invalid",
  "environment_local_exists",
  "environment_moved_on",
  "environment_name_taken",
  "environment_not_found",
  "execution_belongs_to_run",
  "execution_invalid",
  "execution_moved_on",
  "execution_not_found",
  "forget_invalid",
  "host_ambiguous",
  "host_not_found",
  "idempotency_key_reused",
  "idempotencykey_invalid",
  "internal_error",
  "last_event_id_invalid",
  "lease_belongs_to_run",
  "lease_invalid",
  "lease_moved_on",
  "lease_not_active",
  "lease_not_found",
  "lease_not_stuck",
  "method_not_allowed",
  "no_worker",
  "operator_required",
  "output_taken_back",
  "probe_failed",
  "query_invalid",
  "reconcile_not_held",
  "request_invalid",
  "request_malformed",
  "requests_too_many",
  "route_not_found",
  "run_moved_on",
  "run_not_ended",
  "run_not_found",
  "run_purged",
  "token_invalid",
  "token_last_operator",
  "token_missing",
  "token_not_found",
  "token_unknown",
  "unsupported_environment",
] as const;
export type ApiErrorCode = (typeof apiErrorCodes)[number];

/**
 * Codes that the client makes itself.
 *
 * - `api_unreachable`: no answer came, or it broke off.
 * - `redirect_refused`: the server sends on to another place; a token does not follow.
 * - `answer_malformed`: a success that is not JSON: something else is at this URL.
 * - `lease_not_active` (409): a lease that was waited for ended before it was active.
 */
export const clientErrorCodes = ["api_unreachable", "answer_malformed", "redirect_refused"] as const;
export type ClientErrorCode = (typeof clientErrorCodes)[number];
