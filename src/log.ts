import { type Logger, pino } from "pino";
import { reasonOf } from "./domain/errors.ts";

/** Names of fields whose values never belong in a log. */
const secret = ["token", "password", "authorization", "databaseUrl", "redisUrl", "stdin", "env"];

/** The process's log: JSON lines on stderr, so that stdout stays free for answers. `redact` takes out of each line what must not be in it. */
export function openLog(level: string, name: string, redact: (line: string) => string = (line) => line): Logger {
  return pino(
    {
      level,
      base: { process: name, pid: process.pid },
      redact: { paths: secret.flatMap((field) => [field, `*.${field}`]), censor: "[redacted]" },
      serializers: { err: describeError },
      hooks: { streamWrite: redact },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** An error without a failed statement's parameters, wherever in the chain of causes they are. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const silent = "params" in error;
  const frames = error.stack?.split("\n").filter((line) => line.startsWith("    at ")) ?? [];
  return {
    type: error.name,
    message: reasonOf(error),
    ...("kind" in error ? { kind: error.kind } : {}),
    ...("code" in error ? { code: error.code } : {}),
    ...(silent && "query" in error ? { query: String(error.query).slice(0, 300) } : {}),
    stack: frames.join("\n"),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

export type { Logger } from "pino";
