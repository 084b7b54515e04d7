// What this process does to the world, told right before it does it. Import it before anything of ours.
// The seams exist anyway: the query builder's statements and transactions, ioredis' commands, Node's own spawn, files and
// signals. An effect is said as one line: what the process is at, the seam, and what is done there.
import { AsyncLocalStorage } from "node:async_hooks";
import { ChildProcess } from "node:child_process";
import fs from "node:fs/promises";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "bullmq";
import { PostgresJsPreparedQuery, PostgresJsSession } from "drizzle-orm/postgres-js/session";
import { Redis } from "ioredis";

/** What the process is at: the kind of its job, the request it answers; `own` is what it does for its own sake. */
const at = new AsyncLocalStorage();
/** The last statement of the open transaction. */
const transaction = new AsyncLocalStorage();

let tell = () => {};
let slow = null;

/**
 * From here on calls `watch` with each effect's line and `before`; for processes that are started also, right after, with `after`.
 * What `slowness` names takes three and a half seconds longer than it would.
 */
export function watchEffects(watch, slowness) {
  tell = watch;
  slow = slowness === undefined ? null : new RegExp(slowness);
}

/** The timer that extends a claim comes first, also where a process waits a second for its turn. */
const lateBy = 3500;
const lineOf = (what) => `${at.getStore() ?? "own"} ${what}`.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "*");
const effect = (what, when = "before") => tell(lineOf(what), when);
const isSlow = (what) => slow?.test(lineOf(what)) === true;

/** What is replaced below, and called from what replaces it. */
const original = (holder, name) => holder[name];

// Statements, with those of their values that are words of ours: events, states, phases.
const execute = original(PostgresJsPreparedQuery.prototype, "execute");
PostgresJsPreparedQuery.prototype.execute = function (...args) {
  const words = this.params.filter((value) => typeof value === "string" && /^[a-z_]+$/.test(value));
  const text = `${this.queryString.replaceAll(/\s+/g, " ").trim()} -- ${words.join(" ")}`;
  const open = transaction.getStore();
  if (open !== undefined) open.last = text;
  effect(`sql ${text}`);
  return Reflect.apply(execute, this, args);
};
const begin = original(PostgresJsSession.prototype, "transaction");
PostgresJsSession.prototype.transaction = function (work, ...rest) {
  const open = { last: "" };
  const whole = (tx) =>
    transaction.run(open, async () => {
      const result = await work(tx);
      effect(`sql commit after ${open.last}`);
      return result;
    });
  return Reflect.apply(begin, this, [whole, ...rest]);
};

// BullMQ's scripts by their names instead of their digests.
const scripts = new Map();
const defineCommand = original(Redis.prototype, "defineCommand");
const sendCommand = original(Redis.prototype, "sendCommand");
Redis.prototype.defineCommand = function (name, definition) {
  const result = Reflect.apply(defineCommand, this, [name, definition]);
  // ioredis has made the script, and with it the digest, when its command is called first.
  scripts.set(definition.lua, name.split(":")[0]);
  return result;
};
const { createHash } = await import("node:crypto");
const digests = new Map();
function scriptName(digestOrText) {
  for (const [lua, name] of scripts) {
    if (!digests.has(lua)) digests.set(lua, createHash("sha1").update(lua).digest("hex"));
    if (lua === digestOrText || digests.get(lua) === digestOrText) return name;
  }
  return "unknown script";
}
Redis.prototype.sendCommand = function (command, ...rest) {
  const name = String(command.name).toLowerCase();
  const args = command.args.map(String);
  const queue = /\}:([^:]+):/.exec(args.find((arg) => /\}:[^:]+:/.test(arg)) ?? "")?.[1];
  if (name === "evalsha" || name === "eval") effect(`redis ${scriptName(args[0])} ${queue}`);
  else if (name === "publish") effect(`redis publish ${queue} ${/"stream":"(\w+)"/.exec(args[1])?.[1] ?? ""}`);
  else effect(`redis ${name}`);
  return Reflect.apply(sendCommand, this, [command, ...rest]);
};

const callProcessJob = original(Worker.prototype, "callProcessJob");
Worker.prototype.callProcessJob = function (job, ...rest) {
  return at.run(job.name, () => Reflect.apply(callProcessJob, this, [job, ...rest]));
};
const emit = original(http.Server.prototype, "emit");
http.Server.prototype.emit = function (event, request, ...rest) {
  const go = () => Reflect.apply(emit, this, [event, request, ...rest]);
  return event === "request" ? at.run(`${request.method} ${request.url}`, go) : go();
};
const writeHead = original(http.ServerResponse.prototype, "writeHead");
http.ServerResponse.prototype.writeHead = function (...args) {
  effect("http answer");
  return Reflect.apply(writeHead, this, args);
};

/** The same process, which begins later: to stop one that runs would be a race with its end. */
const late = (options) => ({ ...options, file: "/bin/sh", args: ["sh", "-c", `sleep ${lateBy / 1000}; exec "$@"`, "sh", options.file, ...options.args.slice(1)] });
const spawn = original(ChildProcess.prototype, "spawn");
ChildProcess.prototype.spawn = function (options) {
  const [program = "", ...args] = options.args ?? [];
  // The first line of our scripts names them.
  const ours = args.map((arg) => /^: (leasehold \w+)\n/.exec(arg)?.[1]).find((name) => name !== undefined);
  const what = `spawn ${ours ?? [basename(program), ...args].join(" ").slice(0, 100)}`;
  effect(what);
  const result = Reflect.apply(spawn, this, [isSlow(what) ? late(options) : options]);
  effect(what, "after");
  return result;
};

const changing = ["appendFile", "chmod", "chown", "copyFile", "cp", "link", "mkdir", "rename", "rm", "rmdir", "statfs", "symlink", "truncate", "unlink", "utimes", "writeFile"];
const root = process.env.LEASEHOLD_DATA_DIR ?? "";
for (const name of [...changing, "open"]) {
  const call = fs[name];
  fs[name] = async (...args) => {
    if (name === "open" && (args[1] === undefined || args[1] === "r")) return Reflect.apply(call, fs, args);
    const paths = args.slice(0, 2).filter((arg) => typeof arg === "string" && arg.startsWith("/"));
    const what = `fs ${name} ${paths.map((path) => path.replace(root, "")).join(" to ")}`;
    if (isSlow(what)) await sleep(lateBy);
    effect(what);
    return Reflect.apply(call, fs, args);
  };
}
syncBuiltinESMExports();

const kill = original(process, "kill");
process.kill = (pid, signal) => {
  if (pid !== process.pid && signal !== 0) effect(`kill ${signal}`);
  return Reflect.apply(kill, process, [pid, signal]);
};
