import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { findSettings, type Found } from "./config/find.ts";
import type { SettingKind } from "./config/layers.ts";
import { pools } from "./domain/defaults.ts";
import { invalid } from "./domain/errors.ts";
import { queuePrefix } from "./domain/queue-prefix.ts";

const whole = (min: number, max: number) =>
  z.coerce.number(`must be a whole number from ${min} to ${max}`).int(`must be a whole number from ${min} to ${max}`).min(min).max(max);
const port = whole(0, 65_535);
const count = (fallback: number) => whole(1, 10_000).default(fallback);
const url = (protocols: readonly string[], example: string) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), `must look like ${example}`);

/** How a setting's values are read from a file, and shown. */
const kind = (of: SettingKind) => ({ kind: of });

/**
 * What the environment may say, and, under keys like `dataDir`, a configuration file. `docs/reference.md` lists it; a test
 * keeps the list equal to this schema.
 */
export const settings = z.strictObject({
  /** Postgres of the fleet. Without it `leasehold up` brings its own. */
  DATABASE_URL: url(["postgres:", "postgresql:"], "postgres://user:password@host:5432/database").optional().meta(kind("secret")),
  /** Redis of the fleet. Without it `leasehold up` brings its own. */
  REDIS_URL: url(["redis:", "rediss:"], "redis://:password@host:6379").optional().meta(kind("secret")),
  /** Where this machine keeps leases, embedded services and tokens. */
  LEASEHOLD_DATA_DIR: z.string().min(1).optional().meta(kind("path")),
  /** API that the command line talks to. Without it, the one that `leasehold up` runs on this machine. */
  LEASEHOLD_URL: url(["http:", "https:"], "http://127.0.0.1:8420").optional(),
  /** Bearer token of the command line. Without it, the one that `leasehold up` made. */
  LEASEHOLD_TOKEN: z.string().min(1).optional().meta(kind("secret")),
  /** One of the APIs that a configuration file lists under `contexts`, instead of an address. */
  LEASEHOLD_CONTEXT: z.string().min(1).optional(),
  /** Configuration file that is read instead of the user's and the system's; /dev/null for none. */
  LEASEHOLD_CONFIG: z.string().min(1).optional().meta(kind("environment")),
  LEASEHOLD_HOST: z.string().min(1).default("127.0.0.1"),
  /** Port of the API; 0 takes a free one. */
  LEASEHOLD_PORT: port.default(8420),
  /** Prefix of all Redis keys. Give installations that share a Redis different ones. */
  LEASEHOLD_QUEUE_PREFIX: queuePrefix,
  LEASEHOLD_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  /** Directories, separated by colons, that runs may name as a workspace to be copied in. */
  LEASEHOLD_WORKSPACE_PATHS: z.string().default("").meta(kind("paths")),
  /** Files and directories, separated by colons, that environments may show to their sandboxes, read-only. */
  LEASEHOLD_SANDBOX_BINDS: z.string().default("").meta(kind("paths")),
  /** Network that environments may give their sandboxes: `none`, or the host's, loopback included. */
  LEASEHOLD_SANDBOX_NETWORK: z.enum(["none", "host"]).default("none"),
  /** Directory in which the provider `fake` keeps its state. Without it there is no such provider here. */
  LEASEHOLD_FAKE_PROVIDER: z.string().min(1).optional().meta(kind("path")),
  /** Requests per second that a token may make of an API process, on average over ten seconds; 0 for no limit. */
  LEASEHOLD_RATE_LIMIT: whole(0, 1_000_000).default(500),
  /** File of the master keys that secrets are sealed under. Without it, the one that `leasehold up` made on this machine. */
  LEASEHOLD_MASTER_KEY_FILE: z.string().min(1).optional().meta(kind("path")),
  /** File that says which stores outside hold secrets too, and who may read what there. */
  LEASEHOLD_SECRET_STORES: z.string().min(1).optional().meta(kind("path")),
  /** Executions a worker process follows at once. */
  LEASEHOLD_CONCURRENCY: count(pools.executions),
  /** Postgres connections of a process. */
  LEASEHOLD_POOL: count(pools.postgres),
});

export interface Config {
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly dataDir: string;
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly queuePrefix: string;
  readonly logLevel: string;
  readonly workspacePaths: readonly string[];
  /** Files and directories of this host that environments may show to their sandboxes. */
  readonly sandboxBinds: readonly string[];
  readonly sandboxNetwork: "none" | "host";
  /** State of the provider `fake`; undefined where it does not exist. */
  readonly fakeProvider: string | undefined;
  /** Requests per second of a token; 0 for no limit. */
  readonly rateLimit: number;
  readonly masterKeyFile: string | undefined;
  readonly secretStores: string | undefined;
  readonly concurrency: number;
  readonly pool: number;
  /** PATH of this process: what local commands find their tools by. */
  readonly path: string;
  /** A variable of this process's environment, for the store of secrets that are kept there. */
  readonly variable: (name: string) => string | undefined;
}

const paths = (text: string): readonly string[] => text.split(":").filter((path) => path !== "");

/** Where data goes when nobody says: the system's place for root, the user's own otherwise. */
function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return "/var/lib/leasehold";
  return join(env["XDG_DATA_HOME"] ?? join(homedir(), ".local/share"), "leasehold");
}

/** What stands where: in the environment, and in the configuration files. With all faults, but it throws none. */
export const findConfig = (env: NodeJS.ProcessEnv = process.env): Found => findSettings(settings.shape, env);

/** Reads the configuration. The only reader of the process environment; throws `invalid` with all faults at once. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const { texts, faults } = findConfig(env);
  if (faults.length > 0) throw invalid("configuration_invalid", `the configuration is wrong:\n${faults.map(({ field, message }) => `  ${field} ${message}`).join("\n")}`, { faults });
  const s = settings.parse(Object.fromEntries(texts));
  return {
    databaseUrl: s.DATABASE_URL,
    redisUrl: s.REDIS_URL,
    dataDir: resolve(s.LEASEHOLD_DATA_DIR ?? defaultDataDir(env)),
    url: s.LEASEHOLD_URL,
    token: s.LEASEHOLD_TOKEN,
    host: s.LEASEHOLD_HOST,
    port: s.LEASEHOLD_PORT,
    queuePrefix: s.LEASEHOLD_QUEUE_PREFIX,
    logLevel: s.LEASEHOLD_LOG_LEVEL,
    workspacePaths: paths(s.LEASEHOLD_WORKSPACE_PATHS),
    sandboxBinds: paths(s.LEASEHOLD_SANDBOX_BINDS),
    sandboxNetwork: s.LEASEHOLD_SANDBOX_NETWORK,
    fakeProvider: s.LEASEHOLD_FAKE_PROVIDER === undefined ? undefined : resolve(s.LEASEHOLD_FAKE_PROVIDER),
    rateLimit: s.LEASEHOLD_RATE_LIMIT,
    masterKeyFile: s.LEASEHOLD_MASTER_KEY_FILE === undefined ? undefined : resolve(s.LEASEHOLD_MASTER_KEY_FILE),
    secretStores: s.LEASEHOLD_SECRET_STORES === undefined ? undefined : resolve(s.LEASEHOLD_SECRET_STORES),
    concurrency: s.LEASEHOLD_CONCURRENCY,
    pool: s.LEASEHOLD_POOL,
    path: env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    variable: (name) => (Object.hasOwn(env, name) ? env[name] : undefined),
  };
}

/**
 * The environment of a process of ours that is to have this configuration. Services' passwords travel here and not in
 * arguments, which every user of the machine can read.
 */
export function childEnvironment(config: Config, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return {
    ...env,
    // Everything is said here already.
    LEASEHOLD_CONFIG: "/dev/null",
    LEASEHOLD_CONTEXT: undefined,
    DATABASE_URL: config.databaseUrl,
    REDIS_URL: config.redisUrl,
    LEASEHOLD_DATA_DIR: config.dataDir,
    LEASEHOLD_HOST: config.host,
    LEASEHOLD_PORT: String(config.port),
    LEASEHOLD_QUEUE_PREFIX: config.queuePrefix,
    LEASEHOLD_LOG_LEVEL: config.logLevel,
    LEASEHOLD_WORKSPACE_PATHS: config.workspacePaths.join(":"),
    LEASEHOLD_SANDBOX_BINDS: config.sandboxBinds.join(":"),
    LEASEHOLD_SANDBOX_NETWORK: config.sandboxNetwork,
    LEASEHOLD_FAKE_PROVIDER: config.fakeProvider,
    LEASEHOLD_RATE_LIMIT: String(config.rateLimit),
    LEASEHOLD_MASTER_KEY_FILE: config.masterKeyFile,
    LEASEHOLD_SECRET_STORES: config.secretStores,
    LEASEHOLD_CONCURRENCY: String(config.concurrency),
    LEASEHOLD_POOL: String(config.pool),
  };
}
