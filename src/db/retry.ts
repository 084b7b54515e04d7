import pRetry, { AbortError } from "p-retry";

/** Codes of postgres.js, of sockets and SQLSTATEs that say: the server, the way to it or room for it is not there, ask again. */
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
  // No space, no memory, no connection left: nothing was done, and what fills it up may go.
  "53000",
  "53100",
  "53200",
  "53300",
  "58030",
  // It waited too long for a lock, or somebody cancelled it.
  "55P03",
  "57014",
  // The server ended the session: a shutdown, a crash, a start, or silence in the middle of a transaction.
  "25P03",
  "57P01",
  "57P02",
  "57P03",
  "57P05",
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

/** Whether the database could not do it now: the statement may not have reached it, or its answer not us, or it has no room. */
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
 * `work` must be safe to repeat: its statement may have been committed with the answer lost. `signal` ends the repeating, not
 * a statement under way: what that gives is given, for it has happened.
 */
export async function throughOutage<T>(work: () => Promise<T>, options: { signal?: AbortSignal; limitMs?: number } = {}): Promise<T> {
  let done: { readonly value: T } | undefined;
  return pRetry(
    async () => {
      try {
        done = { value: await work() };
        return done.value;
      } catch (error) {
        if (isOutage(error)) throw error;
        throw new AbortError(error instanceof Error ? error : new Error(String(error)));
      }
    },
    {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1000,
      factor: 2,
      randomize: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.limitMs === undefined ? {} : { maxRetryTime: options.limitMs }),
    },
  ).catch((error: unknown) => {
    if (done === undefined) throw error;
    return done.value;
  });
}
