import type { ScenarioName } from "./scenarios.ts";

/**
 * The table of crash points: every effect of every verb by name. An effect is a line that `test/support/effect-seams.mjs`
 * makes of it: what the process is at (kind of job, request, or `own`), the seam, what is done there.
 *
 * A new statement, process, bell or file of the product needs a row here, or the test fails and shows its line:
 * 1. Does it change nothing that outlives the process (a read, BullMQ's housekeeping)? Then it belongs into `quiet`.
 * 2. Else name it here, where it belongs in its verb's order. `line` is searched in the effect's line; the first row that fits
 *    counts, so what is more special stands above. `in` is the scenario (scenarios.ts) in which a process dies there.
 * 3. Have the matrix written anew: UPDATE_DOCS=1 npx vitest run test/fleet/crash-points.test.ts
 */
export interface Row {
  readonly verb: Verb;
  /** What is done there, so that "before ..." reads well. */
  readonly what: string;
  readonly in: ScenarioName;
  readonly line: RegExp;
  /** Which of several such effects in the scenario; the first when not given. */
  readonly nth?: number;
  /**
   * Counted from when this has been there: a timer of the process does the same now and then, on a slow machine also before. It may then
   * be done for its own sake or, where the timer was about to, as the job whose timer that is.
   */
  readonly since?: RegExp;
  /** A process that goes on without the one that started it: dying right after is another point. */
  readonly spawns?: true;
  /** The same process does other work at that time: what is left depends on how far that has come. */
  readonly meanwhile?: true;
}

export type Verb = "accept" | "decide" | "acquire" | "realize" | "execute" | "end a command" | "renew" | "hand on" | "release" | "sweep" | "answer";

/** The one statement that moves a lease, or many alike, by its event. */
const lease = (event: string): RegExp => new RegExp(`sql with .*moved as \\( update environment_leases .* -- .*\\b${event}\\b`);
/** The same, when a worker does it. */
const letGo = /^[a-z]+ sql with .*moved as \( update environment_leases .* -- .*\brelease\b/;
const killAsked = /^run sql update executions set kill_reason/;
/** Deciding about a run, by the phase it enters. */
const run = (phase: string): RegExp => new RegExp(`sql update runs set "version" .* -- ${phase}\\b`);
const commit = (last: string): RegExp => new RegExp(`sql commit after ${last}`);
const execution = (set: string, words = ""): RegExp => new RegExp(`sql with moved as \\( update executions set ${set}.* -- .*${words}`);

export const rows: readonly Row[] = [
  { verb: "accept", what: "the submission is written down", in: "plain", line: /^run sql insert into "runs"/ },
  { verb: "accept", what: "its job is made a bell", in: "plain", line: /^run redis updateData runs/ },

  { verb: "decide", what: "the company's local environment is made", in: "plain", line: /sql insert into "environments"/ },
  { verb: "decide", what: "the lease is written down", in: "plain", line: /^run sql insert into "environment_leases"/ },
  { verb: "decide", what: "the lease's first event", in: "plain", line: /^run sql insert into "lease_events"/ },
  { verb: "decide", what: "the run waits for its lease", in: "plain", line: run("acquiring") },
  { verb: "decide", what: "that is committed", in: "plain", line: commit(`update runs set "version" .* -- acquiring`) },
  { verb: "decide", what: "the bell for the acquire", in: "plain", line: /^run redis addStandardJob local\.acquire/ },
  { verb: "decide", what: "the run's job waits for its steps", in: "plain", line: /^run redis moveToWaitingChildren/, meanwhile: true },
  { verb: "decide", what: "the run is to have its workspace", in: "plain", line: run("realizing") },
  { verb: "decide", what: "the run is to execute", in: "plain", line: run("executing") },
  { verb: "decide", what: "the execution is written down", in: "plain", line: /^[a-z]+ sql insert into "executions"/ },
  { verb: "decide", what: "run and execution are committed", in: "plain", line: /^[a-z]+ sql commit after insert into "executions"/ },
  { verb: "decide", what: "the run is to give its lease back", in: "plain", line: run("releasing") },
  { verb: "decide", what: "run and lease are committed", in: "plain", line: commit(`update runs set "version" .* -- releasing`) },
  { verb: "decide", what: "the lease is let go", in: "plain", line: letGo },
  { verb: "decide", what: "the run is ended", in: "plain", line: run("ended") },
  { verb: "decide", what: "its job is done", in: "cancelled", line: /redis moveToFinished runs/, meanwhile: true },

  { verb: "acquire", what: "its claim, and its company's turn", in: "plain", line: lease("claim") },
  { verb: "acquire", what: "its claim, where places are counted, is committed", in: "slow", line: commit(String.raw`with .*moved as \( update environment_leases .* -- .*\bclaim\b`) },
  { verb: "acquire", what: "the driver makes the lease's places aside", in: "plain", line: /^acquire fs mkdir \S*\.stage/ },
  { verb: "acquire", what: "the driver gives the places their name", in: "plain", line: /^acquire fs rename/ },
  { verb: "acquire", what: "its claim is extended", in: "slow", line: /^acquire sql update environment_leases set claim_until/ },
  { verb: "acquire", what: "the lease is active", in: "plain", line: lease("acquired") },
  { verb: "acquire", what: "the company's activity log", in: "plain", line: /^acquire sql insert into "activity_log"/ },
  { verb: "acquire", what: "the bell for the workspace", in: "plain", line: /^acquire redis addStandardJob \S+\.realize/ },
  { verb: "acquire", what: "the bell for the execution", in: "cancelled", line: /^acquire redis addStandardJob \S+\.execute/ },
  { verb: "acquire", what: "its job is done", in: "ad-hoc", line: /redis moveToFinished \S+\.acquire/, meanwhile: true },

  { verb: "realize", what: "its claim", in: "plain", line: /sql update runs set claim_owner/ },
  { verb: "realize", what: "what an earlier attempt left is removed", in: "plain", line: /^realize spawn rm/, spawns: true },
  { verb: "realize", what: "the copy", in: "plain", line: /^realize spawn cp/, spawns: true },
  { verb: "realize", what: "its claim is extended", in: "slow", line: /sql update runs set claim_until/ },
  { verb: "realize", what: "the copy is made writable", in: "plain", line: /^realize fs chmod/ },
  { verb: "realize", what: "the copy becomes the workspace", in: "plain", line: /^realize spawn leasehold publish/, spawns: true },
  { verb: "realize", what: "the stage is removed", in: "plain", line: /^realize spawn rm/, nth: 2, spawns: true },
  { verb: "realize", what: "the step's end", in: "plain", line: /sql update runs set "claim_owner" = null/ },
  { verb: "realize", what: "the bell for the execution", in: "plain", line: /^realize redis addStandardJob \S+\.execute/ },
  { verb: "realize", what: "its job is done", in: "plain", line: /redis moveToFinished \S+\.realize/, meanwhile: true },

  { verb: "execute", what: "its claim", in: "plain", line: /^execute sql update executions set claim_owner/ },
  { verb: "execute", what: "the intent", in: "plain", line: execution('"state" = \\$1, "boot_id"') },
  { verb: "execute", what: "the supervisor is started", in: "plain", line: /^execute spawn leasehold start/, spawns: true },
  { verb: "execute", what: "the row says that it runs", in: "plain", line: execution('"state" = \\$1, "started_at"') },
  { verb: "execute", what: "the follower is started", in: "plain", line: /^execute spawn leasehold follow/, spawns: true },
  { verb: "execute", what: "the first output is durable", in: "plain", line: /sql with quick as .* insert into execution_output/ },
  { verb: "execute", what: "the rest of the output is durable", in: "plain", line: /sql with quick as .* insert into execution_output/, nth: 2 },
  { verb: "execute", what: "its claim is extended", in: "slow", line: /^(execute|release) sql update executions set claim_until/ },
  { verb: "execute", what: "the outcome is fixed", in: "plain", line: /^execute sql with moved as \( update executions set "state" = \$1, "claim_owner" = null.* -- final/ },
  { verb: "execute", what: "the bell for the release", in: "plain", line: /^execute redis addStandardJob \S+\.release/ },
  { verb: "execute", what: "its job is done", in: "plain", line: /redis moveToFinished \S+\.execute/, meanwhile: true },

  { verb: "end a command", what: "what nobody has begun is ended at once", in: "cancelled", line: /^[a-z]+ sql with moved as \( update executions set state = 'final'/ },
  { verb: "end a command", what: "its end is asked for (cancelled)", in: "cancelled", line: killAsked },
  { verb: "end a command", what: "its worker is told (cancelled)", in: "cancelled", line: /^run redis publish undefined/ },
  { verb: "end a command", what: "its worker extends its claim and hears of it", in: "cancelled", line: /^(own|execute) sql update executions set claim_until/, since: killAsked },
  { verb: "end a command", what: "its processes are ended (cancelled)", in: "cancelled", line: /^execute spawn leasehold kill/, spawns: true },
  { verb: "end a command", what: "the outcome is fixed (cancelled)", in: "cancelled", line: /^execute sql with moved as \( update executions set "state" = \$1, "claim_owner" = null.* -- final/ },
  { verb: "end a command", what: "the lease is let go (cancelled)", in: "cancelled", line: letGo },
  { verb: "end a command", what: "its end is asked for (timed out)", in: "timeout", line: /^execute sql update executions set kill_reason/ },
  { verb: "end a command", what: "its processes are ended (timed out)", in: "timeout", line: /^execute spawn leasehold kill/, spawns: true },
  { verb: "end a command", what: "the outcome is fixed (timed out)", in: "timeout", line: /^execute sql with moved as \( update executions set "state" = \$1, "claim_owner" = null.* -- final/ },
  { verb: "end a command", what: "its end is asked for (lease expired)", in: "expired", line: /^run sql update executions set kill_reason/, meanwhile: true },
  { verb: "end a command", what: "its processes are ended (lease expired)", in: "expired", line: /^execute spawn leasehold kill/, spawns: true, meanwhile: true },
  { verb: "end a command", what: "the outcome is fixed (lease expired)", in: "expired", line: /^execute sql with moved as \( update executions set "state" = \$1, "claim_owner" = null.* -- final/, meanwhile: true },
  { verb: "end a command", what: "the bell for who waits to release the lease", in: "ad-hoc", line: /^execute redis addStandardJob \S+\.release/ },

  { verb: "renew", what: "the lease is renewed", in: "ad-hoc", line: /^(execute|release) sql update "environment_leases" set "expires_at"/ },
  { verb: "renew", what: "the watchdog hears of it", in: "ad-hoc", line: /^execute spawn leasehold beat/, spawns: true },

  { verb: "hand on", what: "a stopping worker gives the execution back", in: "told", line: /^execute sql with moved as \( update executions set "state" = \$1, "claim_owner" = null.* -- running running/ },
  { verb: "hand on", what: "the bell for who follows it next", in: "told", line: /^execute redis addStandardJob \S+\.execute/ },

  { verb: "release", what: "its claim", in: "plain", line: lease("claim_release") },
  { verb: "release", what: "an execution's end is asked for", in: "forsaken", line: /^release sql update executions set kill_reason/ },
  { verb: "release", what: "its worker is told", in: "forsaken", line: /^release redis publish undefined/ },
  { verb: "release", what: "the execution's claim", in: "forsaken", line: /^release sql update executions set claim_owner/ },
  { verb: "release", what: "the follower is started", in: "forsaken", line: /^release spawn leasehold follow/, spawns: true },
  { verb: "release", what: "the execution's processes are ended", in: "forsaken", line: /^release spawn leasehold kill/, spawns: true },
  { verb: "release", what: "the execution's outcome is fixed", in: "forsaken", line: /^release sql with moved as \( update executions set "state" = \$1, "claim_owner" = null.* -- final/, meanwhile: true },
  { verb: "release", what: "it is rung for by the execution's end", in: "forsaken", line: /^release redis addStandardJob \S+\.release/ },
  { verb: "release", what: "it waits for who ends the execution", in: "ad-hoc", line: lease("retry_later"), meanwhile: true },
  { verb: "release", what: "the places lose their name", in: "plain", line: /^release spawn leasehold retire/, spawns: true },
  { verb: "release", what: "its claim is extended", in: "slow", line: /^release sql update environment_leases set claim_until/ },
  { verb: "release", what: "the files are deleted", in: "plain", line: /^release spawn rm/, spawns: true },
  { verb: "release", what: "the tombstone", in: "plain", line: /^release fs open/ },
  { verb: "release", what: "the lease is given back", in: "plain", line: lease("cleaned") },
  { verb: "release", what: "the company's activity log", in: "plain", line: /^release sql insert into "activity_log"/ },
  { verb: "release", what: "the bell for who waits for the slot", in: "slow", line: /^release redis addStandardJob local\.acquire/ },
  { verb: "release", what: "its job is done", in: "plain", line: /redis moveToFinished \S+\.release/, meanwhile: true },

  { verb: "sweep", what: "the sweep is noted", in: "sweep", line: /sql update installation set fleet_tick/ },
  { verb: "sweep", what: "leases of waiting runs are renewed", in: "sweep", line: /sql update environment_leases l set expires_at/ },
  { verb: "sweep", what: "a lease expires", in: "sweep", line: lease("expire") },
  { verb: "sweep", what: "the bell for the run of an expired lease", in: "sweep", line: /^\S+ redis addStandardJob runs/ },
  { verb: "sweep", what: "a lease that waited too long is given up", in: "sweep", line: lease("timeout") },
  { verb: "sweep", what: "a lease whose acquire took too long is given up", in: "sweep", line: lease("timeout"), nth: 2 },
  { verb: "sweep", what: "a run becomes overdue", in: "sweep", line: /sql update runs set overdue/ },
  { verb: "sweep", what: "a lease that nobody came to release is stuck", in: "sweep", line: lease("abandon") },
  { verb: "sweep", what: "a stuck lease is tried again", in: "sweep", line: lease("retry") },
  { verb: "sweep", what: "due submissions are taken", in: "sweep", line: /sql with recursive waiting .* update runs set due_at/ },
  { verb: "sweep", what: "due runs are taken", in: "sweep", line: /sql update runs set due_at = \(select/ },
  { verb: "sweep", what: "due releases are taken", in: "sweep", line: /sql update environment_leases set due_at = \(select/ },
  { verb: "sweep", what: "due executions are taken", in: "sweep", line: /sql update executions x set due_at/ },
  { verb: "sweep", what: "the bell for a due submission", in: "sweep", line: /^\S+ redis addPrioritizedJob runs/ },
  { verb: "sweep", what: "the bells for due runs", in: "sweep", line: /^\S+ redis addStandardJob runs/, nth: 2 },
  { verb: "sweep", what: "the bells for releases", in: "sweep", line: /^\S+ redis addStandardJob local\.release$/ },
  { verb: "sweep", what: "the bell for an execution", in: "sweep", line: /^\S+ redis addStandardJob local\.execute$/ },
  { verb: "sweep", what: "the bell for who waits to be acquired", in: "sweep", line: /^\S+ redis addStandardJob local\.acquire$/ },

  { verb: "answer", what: "a run is written down", in: "api runs", line: /^POST \/v1\/runs sql insert into "runs"/ },
  { verb: "answer", what: "the bell for the run", in: "api runs", line: /^POST \/v1\/runs redis addPrioritizedJob runs/ },
  { verb: "answer", what: "the answer about the run", in: "api runs", line: /^POST \/v1\/runs http answer/, meanwhile: true },
  { verb: "answer", what: "a run's end is asked for", in: "api runs", line: /^POST \/v1\/runs\/\*\/cancel sql update runs/ },
  { verb: "answer", what: "the bell for the run to be ended", in: "api runs", line: /^POST \/v1\/runs\/\*\/cancel redis addStandardJob/ },
  { verb: "answer", what: "an ad-hoc lease is written down", in: "api leases", line: /^POST \/v1\/leases sql insert into "environment_leases"/ },
  { verb: "answer", what: "the lease's first event", in: "api leases", line: /^POST \/v1\/leases sql insert into "lease_events"/ },
  { verb: "answer", what: "lease and event are committed", in: "api leases", line: /^POST \/v1\/leases sql commit/ },
  { verb: "answer", what: "the bell for the acquire", in: "api leases", line: /^POST \/v1\/leases redis addStandardJob/ },
  { verb: "answer", what: "the answer about the lease", in: "api leases", line: /^POST \/v1\/leases http answer/, meanwhile: true },
  { verb: "answer", what: "the lease is renewed for its holder", in: "api leases", line: /^POST \/v1\/leases\/\*\/renew sql update/ },
  { verb: "answer", what: "an execution is written down", in: "api leases", line: /^POST \/v1\/leases\/\*\/executions sql insert/ },
  { verb: "answer", what: "the execution is committed", in: "api leases", line: /^POST \/v1\/leases\/\*\/executions sql commit/ },
  { verb: "answer", what: "the bell for the execution", in: "api leases", line: /^POST \/v1\/leases\/\*\/executions redis addStandardJob/ },
  { verb: "answer", what: "the answer about the execution", in: "api leases", line: /^POST \/v1\/leases\/\*\/executions http answer/, meanwhile: true },
  { verb: "answer", what: "an execution that nobody has begun is ended at once", in: "api leases", line: /^POST \/v1\/executions\/\*\/cancel sql with moved/ },
  { verb: "answer", what: "an execution's end is asked for", in: "api leases", line: /^POST \/v1\/executions\/\*\/cancel sql update/ },
  { verb: "answer", what: "its worker is told", in: "api leases", line: /^POST \/v1\/executions\/\*\/cancel redis publish undefined/ },
  { verb: "answer", what: "the lease is let go for its holder", in: "api leases", line: /^POST \/v1\/leases\/\*\/release sql with moved/ },
  { verb: "answer", what: "the bell for the release", in: "api leases", line: /^POST \/v1\/leases\/\*\/release redis addStandardJob/ },
];

/** What is no crash point, and why. */
export const quiet: readonly { readonly why: string; readonly line: RegExp }[] = [
  { why: "a read, or a lock that goes with its transaction", line: /^\S+( \S+)? sql select/ },
  { why: "the end of a transaction that only looked", line: /sql commit after select/ },
  { why: "a notice: whoever hears none looks by itself, and dying before it leaves what dying before the next bell leaves", line: / redis publish news / },
  { why: "steps of the local driver inside of its first and its last: its contract test has it die before each", line: /^(acquire fs writeFile \S*(fence|lock|marker)|release fs (mkdir|rename) \S*\.trash)/ },
  { why: "a read at the place", line: /spawn (find|leasehold status|sh -c read -r id <\/proc)/ },
  { why: "a run with nothing to decide rests: until it does it is looked at again. Not every scenario comes to it each time", line: /sql update runs set due_at = null where/ },
  { why: "a look at who is next", line: /^\S+ sql with recursive companies_waiting/ },
  { why: "what a process does for its own sake: it says who and that it is", line: /^own (sql with worker as \( insert into workers|sql delete from workers|fs (mkdir|open|rename|link|rm) ((\/host-id|\/workers)\S*( to (\/host-id|\/workers)\S*)?)?$)/ },
  { why: "which database this is: its deaths are tried by the tests of reconcile", line: /^own (sql (insert into hosts|update hosts set witness|update installation set database_identity)|fs (mkdir|open|rm) \/witness)/ },
  { why: "reconcile: its deaths are tried by test/fleet/reconcile-deaths.test.ts", line: /^own sql [^-]*\breconcile_(endpoints|findings)\b/ },
  { why: "talk with Redis that moves no job", line: /redis (hello|info|client|subscribe|unsubscribe|quit|bzpopmin|ping|hmset|hset|config|time|hexists)$/ },
  { why: "the answer to what has the same effect when it is asked for again", line: /^POST \S+\/(cancel|renew|release) http answer/ },
  { why: "whether Redis can be written to, asked before each sweep", line: /^\S+ redis set$/ },
  { why: "deleting what ended long ago, a batch at a time: what is left is the next purge's", line: /^own sql (delete from (runs|activity_log|workers)|with old as materialized)/ },
  { why: "what a reaper plans for itself in Redis, and the end of the job by which it sweeps: it comes again every second", line: /^own redis (addJobScheduler|updateJobScheduler|moveToFinished) reaper/ },
  { why: "a bell that is named where it is usually rung: whose job decides first rings", line: /^(run|acquire|realize|execute|release) redis addStandardJob (runs|\S+\.(realize|execute|release)\S*)$/ },
  { why: "taking a job: a job that is taken and not done comes again", line: /redis (moveToActive|moveStalledJobsToWait|extendLocks?) / },
];
