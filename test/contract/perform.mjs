// A process of its own that does one thing with a driver: `node perform.mjs <task as JSON>`. Says what came of it as a
// line of JSON on standard output.
import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { pino } from "pino";
import { effectsSeen, watchEffects } from "./effects.mjs";

const task = JSON.parse(process.argv[2] ?? "{}");
const { executionPlace } = await import("../../dist/src/session/place.js");
const module = await import(pathToFileURL(resolve(task.opening.module)).href);
const driver = await module[task.opening.export](task.opening.argument);

const context = (signal = new AbortController().signal) => ({ signal, log: pino({ level: "silent" }), fence: task.fence, reveal: async (value) => value });
const say = (answer) => void writeSync(1, `${JSON.stringify(answer)}\n`);
const resource = (key = task.key) => ({ key, handle: task.handle });
const place = async () => executionPlace(await driver.session(context(), resource()), task.execution);
const spec = () => ({ ...task.spec, stdin: Buffer.from(task.spec.stdin, "base64") });

const verbs = {
  probe: (call) => driver.probe(call, task.config),
  acquire: (call, key) => driver.acquire(call, { key, config: task.config, labels: task.labels, expiresAt: new Date(task.expiresAt) }),
  inspect: (call, key) => driver.inspect(call, resource(key)),
  extend: (call, key) => driver.extend(call, resource(key), new Date(task.expiresAt)),
  release: (call, key) => driver.release(call, { ...resource(key), config: task.config }),
  start: async () => (await place()).start(task.caller, spec()),
  kill: async () => (await place()).kill(task.caller, task.graceMs),
};

const outcome = async (act) => {
  try {
    return { ok: (await act()) ?? null };
  } catch (error) {
    return { failed: { kind: error.kind ?? "none", message: String(error.message) } };
  }
};

switch (task.do) {
  case "verb":
    say(await outcome(() => verbs[task.verb](context(), task.key)));
    break;
  case "die": {
    watchEffects((n) => {
      if (n === task.at) process.kill(process.pid, "SIGKILL");
    });
    const answer = await outcome(() => verbs[task.verb](context(), task.key));
    say({ ...answer, effects: effectsSeen() });
    break;
  }
  case "abort": {
    // Calls off before the first effect, the second, and so on, with another key each time, until it comes too late.
    const answers = [];
    for (const [at, key] of task.keys.entries()) {
      const controller = new AbortController();
      if (at === 0) controller.abort();
      watchEffects((n) => {
        if (n === at) controller.abort();
      });
      const from = performance.now();
      const answer = await outcome(() => verbs[task.verb](context(controller.signal), key));
      const ms = performance.now() - from;
      answers.push({ key, ms, kind: answer.failed?.kind ?? "ok", called: controller.signal.aborted });
      if (effectsSeen() < at) break;
    }
    say({ ok: answers });
    break;
  }
  case "attach": {
    const follow = await (await place()).follow(task.caller, task.from);
    follow.stderr.resume();
    say({ ok: "attached" });
    let text = "";
    for await (const chunk of follow.stdout) text += chunk.toString();
    await follow.done;
    say({ ok: text });
    break;
  }
  default:
    throw new Error(`nobody knows how to ${task.do}`);
}
await driver.close();
process.exit(0);
