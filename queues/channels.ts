/** Names of the Redis channels. What is said there is a hint, unless it says otherwise: whoever misses it looks into the database. */
export const channels = (prefix: string) => ({
  /** Ids of executions whose row wants a look by whoever works on them. */
  executions: `${prefix}:executions`,
  /** More output of one execution is durable, or one run has moved. */
  news: (id: string) => `${prefix}:news:${id}`,
  /** The answer to one question how a place is. Nothing else has it: who misses it asks again. */
  answer: (id: string) => `${prefix}:answer:${id}`,
});
