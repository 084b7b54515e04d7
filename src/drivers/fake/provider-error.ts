/** How the provider says no, in the words that such services use. */
export type Answer = "unavailable" | "rate_limited" | "unauthorized" | "not_found" | "bad_request" | "no_answer";

export class ProviderError extends Error {
  readonly answer: Answer;

  constructor(answer: Answer, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProviderError";
    this.answer = answer;
  }
}

/** Whether the provider says that there is no such sandbox. */
export const isNotFound = (error: unknown): boolean => error instanceof ProviderError && error.answer === "not_found";
