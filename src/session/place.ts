import { invalid, isKind, transient } from "../domain/errors.ts";
import type { Killed } from "../domain/outcome.ts";
import { commandScript } from "./command.ts";
import type { Caller, ExecutionPlace } from "./execution-place.ts";
import { openFollow } from "./follow.ts";
import { ask, runScript } from "./run-script.ts";
import { script } from "./script.ts";
import type { Session } from "./session.ts";
import { parseStatus } from "./status.ts";

/** Milliseconds a kill may take beyond its grace: KILL, a look that nothing is left, the status being written. */
const killMargin = 30_000;

/** The scripts count in hundredths of a second, as /proc/uptime does. */
const hundredths = (ms: number): string => String(Math.max(1, Math.ceil(ms / 10)));

/** The execution of that id at a session's place. See `docs/runs.md` for how it outlives whoever started it. */
export function executionPlace(session: Session, executionId: string): ExecutionPlace {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(executionId)) {
    throw invalid("execution_id_invalid", "an execution's id is made of letters, digits, _ and -");
  }
  if (session.executions !== null) return session.executions(executionId);
  const here = [session.places.control, executionId];
  const as = (caller: Caller): string[] => [...here, String(caller.fence), String(caller.offer)];

  return {
    async bootId() {
      return (await runScript(session, 'read -r id </proc/sys/kernel/random/boot_id && echo "$id"', [])).trim();
    },

    check(spec) {
      commandScript(session, spec);
    },

    async start(caller, spec) {
      const command = commandScript(session, spec);
      const answer = await ask(
        session,
        script("process", "fence", "start"),
        [
          ...as(caller),
          String(command.length),
          String(spec.stdin.length),
          String(spec.outputLimit),
          hundredths(spec.watchdogMs),
          hundredths(spec.leftoverGraceMs),
          session.enclosure === null ? "plain" : "enclosed",
          script("process", "tree", "supervisor"),
        ],
        { stdin: [command, spec.stdin] },
      );
      return oneOf(answer, "started", "exists");
    },

    async plant(caller) {
      return oneOf(await ask(session, script("process", "fence", "plant"), as(caller)), "planted", "exists");
    },

    async status() {
      try {
        return parseStatus(await runScript(session, script("process", "fence", "status"), here));
      } catch (error) {
        if (isKind(error, "gone")) return { kind: "gone" };
        throw error;
      }
    },

    follow(caller, from) {
      return openFollow(session, script("process", "fence", "follow"), [...as(caller), String(from.stdout), String(from.stderr)]);
    },

    async kill(caller, graceMs): Promise<Killed> {
      const text = script("process", "tree", "fence", "kill");
      return oneOf(await ask(session, text, [...as(caller), hundredths(graceMs)], { timeoutMs: graceMs + killMargin }), "verified", "swept", "unverified");
    },

    async beat(caller) {
      oneOf(await ask(session, script("process", "fence", "beat"), as(caller)), "ok");
    },
  };
}

function oneOf<const W extends string>(answer: string, ...words: readonly W[]): W {
  const word = words.find((w) => w === answer);
  if (word === undefined) throw transient("place_answer_unknown", `a helper at the place answered ${answer.slice(0, 100) || "nothing"}`);
  return word;
}
