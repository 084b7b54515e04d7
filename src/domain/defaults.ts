/**
 * Every number that bounds time or size, in one place. Milliseconds and bytes. `docs/reference.md` lists them,
 * and a test keeps the list equal to this file.
 */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const MiB = 1024 * 1024;

export const timing = {
  /** A claim that is not extended lapses after this; the row may then be taken over. */
  claim: 8 * second,
  /** How often a living claimer extends its claim. */
  claimExtend: 2 * second,
  /** Claims of a process that are to be extended within this are extended in one statement. */
  claimsTogether: 100,
  /** Longest time a driver's call may take before its signal fires, unless the driver says otherwise. */
  call: 60 * second,
  /** The same for the provider `fake`: what does not answer by then is meant to hang. */
  callFake: 10 * second,
  /** Longest time from the question how a place is until a worker has looked: its wait in the queue and the driver's call. */
  probe: 30 * second,
  /** How much longer whoever asked waits for the answer to come back. */
  probeAnswer: 5 * second,
  /** A worker's turn at the processors of its own machine is over after this, also for what is still at it: that waits for something else. */
  turn: second,
  /** How long an active lease lives without being renewed. */
  leaseLife: 120 * second,
  /** How often a holder renews, and tells the supervisor that somebody still cares. */
  leaseRenew: 30 * second,
  /** Longest life of an ad-hoc lease, from `active` on, however often its holder renews, when the request does not say. */
  adHocLife: 8 * hour,
  /** The longest such life a request may ask for. */
  adHocLifeMax: 7 * day,
  /** A lease may live this much longer than its run's own timeout: hand-over, harvest and release need room. */
  leaseMargin: 30 * minute,
  /** Longest wait for a slot or a worker before a lease that was never claimed is given up. */
  queueWait: hour,
  /** Longest time from a lease's first claim to `active`. */
  acquireWait: 10 * minute,
  /** Longest time to put a workspace into the environment. */
  realize: 15 * minute,
  /** Longest time to bring a workspace home. */
  harvest: 15 * minute,
  /** Longest wait of a run for its lease to be given back before the run ends without it. */
  releaseWait: 30 * minute,
  /** How long a command may run when the request does not say. */
  runTimeout: hour,
  /** The longest timeout a request may ask for. */
  runTimeoutMax: 7 * day,
  /** Between TERM and KILL. */
  killGrace: 5 * second,
  /** What a command leaves running when it ends gets this long after TERM. */
  leftoverGrace: second,
  /** Without a beat for this long, the watchdog beside the supervisor ends the processes. The longest outage that running commands survive. */
  watchdog: 30 * minute,
  /** Pace of the reaper's sweep. */
  sweep: second,
  /** A sweep that did not come for this long (by job or timer) counts as an outage of the fleet. */
  outage: 15 * second,
  /** A reaper that has just begun, and finds that the last tick is long ago, leaves it this long to others to tell a clock that was set from an outage. */
  clockWitness: 5 * second,
  /** A connection to Postgres on which nothing came for this long is given up; what was asked on it counts as not answered. */
  silence: 30 * second,
  /** Postgres ends a session that is silent for this long in the middle of a transaction: its process was stopped or cut off, and its locks keep others waiting. */
  idleTransaction: 10 * second,
  /** When a request to the API is not answered for this long, the database is looked at: if that hangs, the caller is told to come again. */
  request: 8 * second,
  /** A connection to the API that asks for nothing is kept this long: longer than clients and proxies keep theirs. */
  keepAlive: 75 * second,
  /** Longest time for a request to the API to arrive, headers and body. */
  requestArrives: minute,
  /** A transaction whose session is dying waits this long for its connection to close. */
  sessionEnd: second,
  /** A process that starts waits this long for a database that is away, then gives up. */
  start: 30 * second,
  /** Longest time to connect to Postgres or Redis. */
  connect: 5 * second,
  /** A job whose worker did not say for this long that it is at it is given to another, looked for every half of it: a dead worker's bell rings again. */
  jobLock: 10 * second,
  /** A worker that Redis gave an error asks again after this. */
  queueRetry: second,
  /** A bell that Redis does not take within this is left to the reaper. */
  ring: 2 * second,
  /** A submission on the queue that could not be written down is tried again after this. */
  submissionRetry: second,
  /** Longest wait before a job that only a newer version can read is offered again; the first is `retryBase`, and it doubles. */
  newerMax: 5 * second,
  /** A bell that was rung and not answered is rung again after this. */
  ringAgain: 5 * second,
  /** First wait before a failed attempt is repeated; doubles, with jitter. */
  retryBase: second,
  /** Longest wait between two attempts. */
  retryMax: 5 * minute,
  /** Longest wait before a failed attempt to follow a running command is repeated: well before its lease expires. */
  retryRunning: 10 * second,
  /** A stuck lease is tried again after this. */
  stuckRetry: day,
  /** Pace at which what a provider holds is compared with the rows. */
  reconcile: minute,
  /** What no lease explains is given this long, by the database's clock and over at least two listings, before anything is done about it. */
  reconcileGrace: minute,
  /** Longest time a listing may take before it counts as failed. */
  reconcileListing: 10 * minute,
  /** How often a worker reports itself. */
  workerBeat: 5 * second,
  /** A worker that did not report for this long does not count as living. */
  workerLife: 20 * second,
  /** A host that was silent for this long and has no open lease is forgotten, with its queues. */
  hostKept: 7 * day,
  /** A stopping worker gives short jobs this long to end before it leaves them to others. */
  shutdown: 10 * second,
  /** After the fleet was told to stop, a second Ctrl-C within this time ends running commands too. */
  secondSignal: 5 * second,
  /** A follower that hears nothing looks into the database this often, in case a notice was lost. */
  followPoll: 2 * second,
  /** A stream of events that has nothing to say says so this often, so that a dead connection is noticed. */
  heartbeat: 15 * second,
  /** Pace of the purge; the first comes a minute after a reaper's start. */
  purge: hour,
  purgeFirst: minute,
  /** A sweep that the database does not answer for this long is left to itself, and the next one begins. */
  sweepLimit: 30 * second,
  /** How often a reaper looks for values that are not sealed under the newest key. */
  reseal: 10 * second,
  /** Longest time that a store outside has to answer, unless its settings say otherwise. */
  secretStore: 5 * second,
  /** A value that was pasted in for a look at a place lives this long at most. */
  secretProbe: 2 * minute,
  /** Ended runs, final leases, their events and output are purged after this; so are accesses to secrets, and what is left of deleted ones. */
  retention: 30 * day,
} as const;

export const attempts = {
  /** Failed tries before an acquire, realize or execute step is given up. */
  step: 5,
  /** Failed tries before a release becomes `stuck`. */
  release: 6,
  /** Times a job that only a newer version can read is offered before it fails for good: about an hour. */
  newer: 720,
} as const;

export const limits = {
  /** Bytes kept of each of stdout and stderr of one execution; what comes after is counted, not kept. */
  output: 256 * MiB,
  outputMax: 4096 * MiB,
  /** Bytes of one row of output, at most. */
  outputRow: 64 * 1024,
  /** Bytes of output that one statement makes durable or reads, about. */
  outputChunk: 512 * 1024,
  /** Rows of output that one statement reads, at most. */
  outputRows: 64,
  /** Bytes of output that an API process keeps for other followers of the same. */
  outputShared: 16 * MiB,
  /** Bytes read from an execution that are not yet durable; above this its stream is paused. */
  outputInFlight: 4 * MiB,
  /** Bytes of a secret's value: with its name it fits into one environment variable. */
  secretValue: 64 * 1024,
  /** Secrets that one request or environment may refer to. */
  secretRefs: 200,
  /** Values that one statement seals anew under the newest key, or looks at to delete them. */
  secretsBatch: 100,
  /** Shorter values, in bytes, are not looked for in logs, errors and output: too much would look like them. */
  redactFrom: 4,
  /** Bytes of output that are kept back, at most, while one secret overlaps the next. */
  redactHeld: 256 * 1024,
  /** Bytes of stdin a request may carry. */
  stdin: MiB,
  /** Bytes of all arguments and environment variables together: Linux refuses more than a quarter of an 8 MiB stack. */
  argv: 2 * MiB - 128 * 1024,
  /** Bytes of a single argument or variable: MAX_ARG_STRLEN of Linux, less its NUL. */
  argument: 131_071,
  /** Values in the JSON of an HTTP body, and how deep they may lie. */
  bodyValues: 50_000,
  bodyDepth: 100,
  /** Fields that one refusal names. */
  faults: 100,
  /** Bytes of an HTTP body. */
  body: 8 * MiB,
  /** Priorities of a company's own leases; higher goes first, 0 when the request does not say. */
  priorityMin: -10,
  priorityMax: 10,
  /** Rows in one page of a listing. */
  page: 50,
  pageMax: 200,
  /** Of a company's accepted runs, so many are rung for again, the oldest. */
  runsRung: 50,
  /** A run is rung for behind as many of its company's as wait for a decision, counted up to this. */
  runRank: 1000,
  /** Rows one sweep takes of each kind. */
  sweepBatch: 1000,
  /** Claims that one statement extends, at most. */
  claimsTogether: 500,
  /** Orphans, duplicates and vanished leases that one comparison with a provider acts on, each; the rest waits for the next. */
  reconcileCap: 20,
  /** Leases missing from a listing that one comparison asks the provider about. */
  reconcileInspect: 100,
  /** Resources in one listing; a longer one counts as failed. */
  reconcileListed: 100_000,
  /** Findings of one place that the API shows, oldest first. */
  reconcileShown: 1000,
  /** Runs, with all their output, that one statement of a purge deletes. */
  purgeBatch: 20,
} as const;

/** Seconds over which requests are counted against `LEASEHOLD_RATE_LIMIT`. */
export const rateWindow = 10;

export const pools = {
  /** Connections a process holds to Postgres, at most. */
  postgres: 10,
  /** More of them, of a worker process, for nothing but keeping its claims. */
  claims: 2,
  /** Runs a worker process decides at once. */
  runs: 2,
  /**
   * Acquires, realizes and releases a worker process does at once for a backend, each; and as many acquires more that it goes on
   * with by itself. On its own machine they take turns at the processors, and so do executions that begin there.
   */
  steps: 8,
  /** Leases of a backend that a company may have waiting for a worker to start their command or give them back, for each worker process there: with as many it gets no further one. */
  onTheirWay: 4,
  /** Executions a worker process follows at once. */
  executions: 100,
} as const;

/** What a sandbox may use unless its environment says otherwise; never more than the worker itself may. */
export const sandbox = {
  memoryBytes: 4096 * MiB,
  processes: 1024,
  fileBytes: 16 * 1024 * MiB,
  openFiles: 16_384,
  cpuSeconds: 24 * 3600,
  wallSeconds: 7 * 24 * 3600,
} as const;

export const retention = {
  /** BullMQ jobs kept for operators: count, and seconds. */
  completedJobs: { count: 1000, age: 3600 },
  failedJobs: { count: 5000, age: 7 * 24 * 3600 },
} as const;

/** Milliseconds to wait before attempt `n` (1 = the first repetition): doubling, half of it random. */
export function backoff(n: number, random: () => number = Math.random): number {
  const full = Math.min(timing.retryMax, timing.retryBase * 2 ** Math.max(0, n - 1));
  return Math.round(full / 2 + (full / 2) * random());
}
