import type postgres from "postgres";
import { timing } from "../domain/defaults.ts";

/** Errors after which a session is not there any more, or is about to end: SQLSTATEs that are fatal, and the driver's own words. */
const endsSession = /^(CONNECTION_\w+|ECONN\w+|EPIPE|ETIMEDOUT|08\w{3}|57P0\d|25P0[34])$/;

/**
 * Has the transactions of a pool end with their connection. Left to itself the driver (postgres 3.4.9, porsager/postgres#1208,
 * #1155) writes a rollback to a connection that is closed, which ends the process; and what a transaction asks after its
 * connection was lost and made anew, it carries out there: outside of any transaction, by halves.
 *
 * Here nothing is asked any more once the connection has closed, no rollback either: the server has undone everything.
 */
export function endingWithConnection<T extends postgres.Sql>(client: T): T {
  const begin = client.begin.bind(client) as (work: (tx: postgres.TransactionSql) => Promise<unknown>) => Promise<unknown>;
  const begun = async (work: (tx: postgres.TransactionSql) => Promise<unknown>): Promise<unknown> => {
    const state = { over: false };
    const done = begin(async (tx) => {
      try {
        const result = await work(refusingWhen(() => state.over, tx));
        if (!state.over) return result;
      } catch (error) {
        if (!(await closes(state, error))) throw error;
      }
      // Whoever began it knows already. If this ended, it would be committed or rolled back.
      return new Promise(() => {});
    });
    try {
      return await done;
    } finally {
      state.over = true;
    }
  };
  return Object.assign(client, { begin: begun });
}

/** Whether the connection has closed, or does now. */
async function closes(state: { readonly over: boolean }, error: unknown): Promise<boolean> {
  for (const until = performance.now() + timing.sessionEnd; !state.over && isFatal(error) && performance.now() < until; ) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return state.over;
}

function isFatal(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if ("code" in e && typeof e.code === "string" && endsSession.test(e.code)) return true;
  return false;
}

/** The transaction, but for asking nothing once it is over. */
function refusingWhen(over: () => boolean, tx: postgres.TransactionSql): postgres.TransactionSql {
  const asked: ProxyHandler<postgres.TransactionSql> = {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (name !== "unsafe" && name !== "savepoint") return value;
      return (...args: unknown[]): unknown => {
        if (over()) throw Object.assign(new Error("the connection closed in the middle of the transaction"), { code: "CONNECTION_CLOSED" });
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  };
  return new Proxy(tx, asked);
}
