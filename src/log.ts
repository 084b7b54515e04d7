import { type Logger, pino } from "pino";

/** Names of fields whose values never belong in a log. */
const secret = ["token", "password", "authorization", "databaseUrl", "redisUrl", "stdin", "env"];

/** The process's log: JSON lines on stderr, so that stdout stays free for answers. */
export function openLog(level: string, name: string): Logger {
  return pino(
    {
      level,
      base: { process: name, pid: process.pid },
      redact: { paths: secret.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
      serializers: { err: pino.stdSerializers.err },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

export type { Logger } from "pino";
