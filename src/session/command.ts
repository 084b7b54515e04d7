import { posix } from "node:path";
import { invalid } from "../domain/errors.ts";
import type { CommandSpec } from "./execution-place.ts";
import { quote } from "./quoting.ts";
import { script } from "./script.ts";
import type { Enclosure, Session } from "./session.ts";

/**
 * The script that becomes the command: directory, variables, arguments. It travels on standard input and is read from
 * a file that has no name any more when the command runs. Throws `invalid` for what no start could make work.
 */
export function commandScript(session: Session, spec: CommandSpec): Buffer {
  const become = [
    `cd -- ${quote(directory(session, spec.cwd))} 2>/dev/null || { failed cwd; trap - EXIT; exit 126; }`,
    // Only a cd away from somewhere sets it, and only then is it exported.
    "unset OLDPWD",
    "export PWD",
    ...Object.entries(spec.env).map(([name, value]) => `export ${variable(name)}=${quote(checked(value))}`),
    `set -- ${program(spec.argv).map((word) => quote(checked(word))).join(" ")}`,
    // Said in the program's name and not, as exec would, in that of a script nobody has ever seen.
    `command -v "$1" >/dev/null 2>&1 || { printf '%s: not found\\n' "$1" >&5; exit 127; }`,
    `exec "$@" 2>&5 5>&-`,
    // Where a failed exec does not end the shell; its EXIT trap says why we are here.
    `exit "$?"`,
    "",
  ].join("\n");
  const before = script("process", "command");
  if (session.enclosure === null) return Buffer.from(`${before}${script("become")}${become}`);
  return enclosed(session.enclosure, spec, before, `${script("become")}${become}`);
}

/** Digits of the place where the inner part of a script begins. */
const offsetWidth = 10;

/** Outside, as far as the words that lead in; behind them, for `enclosed.sh` to find, what becomes the command in there. */
function enclosed(enclosure: Enclosure, spec: CommandSpec, before: string, inner: string): Buffer {
  const outer = (from: number): string => {
    const words = ["sh", "-c", script("enclosed"), "leasehold", String(from).padStart(offsetWidth, "0"), String(spec.leftoverGraceMs)];
    return `${before}exec ${enclosure.wrap(words).map(quote).join(" ")} 6>status.pipe 7>&6\n`;
  };
  return Buffer.from(outer(Buffer.byteLength(outer(0)) + 1) + inner);
}

function directory(session: Session, cwd: string): string {
  const { workspace } = session.seen;
  const path = posix.resolve(workspace, checked(cwd));
  if (path !== workspace && !path.startsWith(`${workspace}/`)) {
    throw invalid("cwd_outside_workspace", `the directory ${cwd} is outside the workspace`);
  }
  return path;
}

function program(argv: readonly string[]): readonly string[] {
  const [name] = argv;
  if (name === undefined) throw invalid("command_empty", "the command names no program");
  // Some shells take it for an option of exec.
  if (name.startsWith("-")) throw invalid("command_not_a_program", `${name} cannot be a program's name; put a path in front of it`);
  return argv;
}

function variable(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw invalid("variable_name_invalid", `${name} is not a name a POSIX shell can export`);
  }
  return name;
}

function checked(text: string): string {
  if (text.includes("\0")) throw invalid("nul_refused", "arguments, variables and paths cannot contain a NUL character");
  return text;
}
