import type { Sql, TransactionSql } from "postgres";

type Runs = Pick<Sql, "unsafe">;

/**
 * Has the statements that drizzle builds prepared, once per connection, instead of parsed and planned anew each time: it
 * calls `unsafe`, for which the driver does not do so unless told. There are as many as there are ways to call the functions of
 * this room, and a connection does not live for ever.
 */
export function preparing(client: Sql): Sql {
  const begin = client.begin.bind(client);
  const within = (tx: TransactionSql): TransactionSql => Object.assign(tx, prepared(tx));
  Object.assign(client, prepared(client), {
    begin: (...args: Parameters<typeof begin>) => {
      const work = args.pop() as unknown as (tx: TransactionSql) => unknown;
      return (begin as unknown as (...all: unknown[]) => unknown)(...args, (tx: TransactionSql) => work(within(tx)));
    },
  });
  return client;
}

function prepared(runs: Runs): Runs {
  const unsafe = runs.unsafe.bind(runs);
  return { unsafe: ((text, args, options) => unsafe(text, args, { prepare: (args?.length ?? 0) > 0, ...options })) as Runs["unsafe"] };
}
