/** Every number of time and size of the embedded services. Milliseconds and bytes. */
export const timing = {
  /** Pace at which a starting or stopping server is looked at. */
  poll: 20,
  /** Pace at which a running server is checked to be still there. */
  watch: 250,
  /** Longest start of a server. Recovery after a crash replays its log first, so this is generous. */
  start: 120_000,
  /** Longest wait for one answer of a server to "are you ready". */
  answer: 2_000,
  /** An orderly stop gets this long (fast shutdown of Postgres, SIGTERM of Redis). */
  stop: 10_000,
  /** A hurried stop (immediate shutdown of Postgres) gets this long before SIGKILL. */
  hurry: 5_000,
  /** First wait before a server that died is started again; doubles. */
  restartBase: 100,
  restartMax: 5_000,
  /** A server that lived this long had a good start: the next restart begins with the first wait again. */
  settled: 30_000,
} as const;

/** A server's log is put aside as `<log>.1` at a start when it is larger than this. */
export const logBytes = 16 * 1024 * 1024;

/** How often a server that ends at once is started before that is an error. */
export const startTries = 5;
