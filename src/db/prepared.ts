import type postgres from "postgres";

type Unsafe = postgres.Sql["unsafe"];

/**
 * Has statements with parameters prepared by name, once per connection, as the driver does with its own template strings.
 * Drizzle asks it not to; then each statement is two round trips (the driver asks for the parameters' types first) and is
 * parsed and planned anew. `?prepare=false` in the database's URL leaves it so, for a pooler that cannot do it.
 */
export function preparing<T extends postgres.Sql>(client: T): T {
  if (!client.options.prepare) return client;
  const begin = client.begin.bind(client) as (work: (tx: postgres.TransactionSql) => Promise<unknown>) => Promise<unknown>;
  return Object.assign(prepared(client), { begin: async (work: (tx: postgres.TransactionSql) => Promise<unknown>) => begin((tx) => work(prepared(tx))) });
}

function prepared<T extends postgres.ISql>(client: T): T {
  const unsafe = client.unsafe.bind(client) as Unsafe;
  const asked: Unsafe = (query, parameters = [], options = {}) => unsafe(query, parameters, { ...options, ...(parameters.length === 0 ? {} : { prepare: true }) });
  return Object.assign(client, { unsafe: asked });
}
