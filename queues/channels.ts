/** Names of the Redis channels. Everything said there is a hint; whoever misses it looks into the database. */
export const channels = (prefix: string) => ({
  /** Ids of executions whose row wants a look by whoever works on them. */
  executions: `${prefix}:executions`,
  /** More output of one execution is durable, or one run has moved. */
  news: (id: string) => `${prefix}:news:${id}`,
});
