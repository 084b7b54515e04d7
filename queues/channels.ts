/** Names of the Redis channels. Everything said there is a hint; whoever misses it looks into the database. */
export const channels = (prefix: string) => ({
  /** Ids of executions whose row wants a look by whoever works on them. */
  executions: `${prefix}:executions`,
  /** Followers of one execution may read up to an offset. */
  output: (execution: string) => `${prefix}:output:${execution}`,
});
