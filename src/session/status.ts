import { constants } from "node:os";
import { transient } from "../domain/errors.ts";
import type { ExecutionStatus } from "../domain/execution.ts";

const ended = /^(exited|signalled) (\d+) (\d+) (\d+) (\d+|-) (\d+|-) ([01])$/;
const spawnFailed = /^spawn_failed (\d+) /;
const orphaned = /^orphaned (\S+) (\S*) (\d+) (\d+)$/;

/** Reads what status.sh printed. Only a record that is complete and has numbers where numbers belong counts. */
export function parseStatus(text: string): ExecutionStatus {
  const [line = "", ...rest] = text.split("\n");
  const record = line.trim();
  switch (record) {
    case "gone":
    case "absent":
    case "tombstone":
    case "running":
      return { kind: record };
  }
  const end = ended.exec(record);
  if (end !== null) return parseEnd(end);
  const spawn = spawnFailed.exec(record);
  if (spawn !== null) return { kind: "spawn_failed", reason: spawnReason(Number(spawn[1]), rest), message: spawnMessage(rest) };
  const orphan = orphaned.exec(record);
  if (orphan !== null) {
    return { kind: "orphaned", sameBoot: orphan[1] === orphan[2], sizes: { stdout: Number(orphan[3]), stderr: Number(orphan[4]) } };
  }
  throw transient("execution_status_unreadable", `the place said something about the execution that is no status: ${record.slice(0, 100)}`);
}

function parseEnd(match: RegExpExecArray): ExecutionStatus {
  const [, how, code, stdout, stderr, droppedOut, droppedErr, killed] = match;
  const unknown = droppedOut === "-" || droppedErr === "-";
  return {
    kind: "ended",
    exit: how === "exited" ? { kind: "exited", code: Number(code) } : { kind: "signalled", signal: signalName(Number(code)) },
    sizes: { stdout: Number(stdout), stderr: Number(stderr) },
    dropped: unknown ? null : { stdout: Number(droppedOut), stderr: Number(droppedErr) },
    killed: killed === "1",
  };
}

const signals = new Map<number, string>(Object.entries(constants.signals).map(([name, number]) => [number, name]));
// Two names for one number; these are the ones people know.
for (const name of ["SIGABRT", "SIGIO"] as const) signals.set(constants.signals[name], name);

const signalName = (number: number): string => signals.get(number) ?? `SIG${number}`;

/** What a shell's exit code says about why a program could not be started (POSIX, "Exit Status for Commands"). */
function spawnReason(code: number, [spawn = ""]: readonly string[]): string {
  if (spawn.trim() === "enclosure") return "sandbox_not_started";
  return code === 127 ? "command_not_found" : "command_not_executable";
}

function spawnMessage([spawn = "", how = "", ...said]: readonly string[]): string {
  if (spawn.trim() === "enclosure") return how.trim() || "what should have enclosed the command was killed";
  if (spawn.trim() === "cwd") return "its working directory does not exist or cannot be entered";
  // What the shell says, without its own name and line: `/proc/self/fd/3: 42: exec: name: not found`.
  const text = said.join("\n").trim() || how.trim();
  return text.split("exec: ").at(-1) || "it could not be executed";
}
