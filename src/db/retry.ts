import pRetry, { AbortError } from "p-retry";

/** Codes of postgres.js, of sockets and SQLSTATEs that say: the server or the way to it is not there, ask again. */
const lost = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  // A primary that was demoted: the next connection finds the new one.
  "25006",
  "53300",
  "57P01",
  "57P02",
  "57P03",
  "08000",
  "08001",
  "08003",
  "08006",
]);
/** Serialization failures and deadlocks: nothing was done, ask again at once. */
const collided = new Set(["40001", "40P01"]);

/** The SQLSTATE or network code of a database error, wherever the query builder put it. */
export function databaseCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ("code" in e && typeof e.code === "string") return e.code;
    if (e instanceof AggregateError && e.errors.length > 0) return databaseCode(e.errors[0]);
  }
  return undefined;
}

/** Whether the statement may not have reached the database, or its answer not us. */
export const isOutage = (error: unknown): boolean => {
  const code = databaseCode(error);
  return code !== undefined && (lost.has(code) || collided.has(code));
};

/** Name of the violated constraint, if that is what the error is. */
export function violated(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ("constraint_name" in e && typeof e.constraint_name === "string") return e.constraint_name;
  }
  return undefined;
}

/** Two transactions got into each other's way and this one was undone: nothing happened, ask again. */
export const isCollision = (error: unknown): boolean => collided.has(databaseCode(error) ?? "");

/**
 * Repeats `work` while the database cannot be reached, from 50 ms to 1 s apart, until `signal` fires or `limitMs` is over.
 * `work` must be safe to repeat: its statement may have been committed with the answer lost. An answer that was had is
 * given, though the signal fires meanwhile: it may say what only this caller can know, as that a claim is its own.
 */
export async function throughOutage<T>(work: () => Promise<T>, options: { signal?: AbortSignal; limitMs?: number } = {}): Promise<T> {
  let answer: { readonly value: T } | undefined;
  const once = async (): Promise<void> => {
    try {
      answer = { value: await work() };
    } catch (error) {
      if (isOutage(error)) throw error;
      throw new AbortError(error instanceof Error ? error : new Error(String(error)));
    }
  };
  try {
    await pRetry(once, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1000,
      factor: 2,
      randomize: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.limitMs === undefined ? {} : { maxRetryTime: options.limitMs }),
    });
  } catch (error) {
    if (answer === undefined) throw error;
  }
  if (answer === undefined) throw new Error("there is neither an answer nor an error");
  return answer.value;
}
