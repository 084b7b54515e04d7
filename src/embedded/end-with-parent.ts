import { spawn } from "node:child_process";
import { serverEnvironment } from "./server-environment.ts";

/**
 * When this process is gone, however it went, kills every process that works in a folder below `directory` and removes `directory`.
 * A shell waits at the end of a pipe that only we hold open: a SIGKILL closes it too. Returns a function that calls it off.
 */
export function endWithParent(directory: string): () => void {
  const watcher = spawn("/bin/sh", ["-c", script, "end-with-parent", directory], {
    cwd: "/",
    detached: true,
    env: serverEnvironment(),
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.on("error", () => undefined); // Without a shell there is no watch; the services work all the same.
  watcher.stdin.on("error", () => undefined); // The watcher was killed: nothing is written to it but the word below.
  watcher.unref();
  // The pipe must not keep this process alive. It is a socket in Node, which the types do not say.
  (watcher.stdin as typeof watcher.stdin & { unref(): void }).unref();
  return () => watcher.stdin.end("done\n");
}

// Twice, because a server may be starting a child at the very moment. Where there is no /proc, only the folder goes: Postgres
// and Redis end by themselves soon after their files are gone.
const script = `
if read -r word; then exit 0; fi
real=$(cd "$1" && pwd -P) || exit 0
for round in 1 2; do
  for process in /proc/[0-9]*; do
    case $(readlink "$process/cwd" 2>/dev/null) in
      "$real"/*) kill -9 "\${process#/proc/}" 2>/dev/null ;;
    esac
  done
done
rm -rf "$real"
`;
