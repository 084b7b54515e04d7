import { once } from "node:events";
import { Readable } from "node:stream";
import { transient } from "../domain/errors.ts";
import type { Follow } from "./execution-place.ts";
import { refuse } from "./run-script.ts";
import type { RawProcess, Session } from "./session.ts";

/** Opens a follower and waits for its first line; what comes after it is the command's output. */
export async function openFollow(session: Session, text: string, args: readonly string[]): Promise<Follow> {
  const process = await session.open(["sh", "-c", text, "leasehold", ...args]);
  process.stdin.on("error", () => {});
  // Whoever loses the connection sees it in the status; a follower that ends is all there is to say here.
  const done = process.exit.then(
    () => {},
    () => {},
  );
  const answer = await firstLine(process.stdout);
  if (answer === "following") {
    return { stdout: process.stdout, stderr: process.stderr, done, detach: () => detach(process) };
  }
  drop(process);
  if (answer === "nothing") return { stdout: Readable.from([]), stderr: Readable.from([]), done, detach: () => {} };
  refuse(answer);
  throw transient("follow_failed", "the follower at the place ended before it said anything");
}

/** The follower ends when its standard input does; what is still on the way may be read or not. */
function detach(process: RawProcess): void {
  process.stdin.end();
  // Nobody may be reading any more; then its ends would never be seen.
  process.stdout.resume();
  process.stderr.resume();
}

function drop(process: RawProcess): void {
  detach(process);
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
}

/** Takes one line off the stream and leaves the rest in it; what there was if the stream ends before. */
async function firstLine(stream: Readable): Promise<string> {
  let text: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) {
      if (stream.readableEnded || stream.destroyed) return text.toString();
      await Promise.race([once(stream, "readable"), once(stream, "end"), once(stream, "close")]);
      continue;
    }
    text = Buffer.concat([text, chunk]);
    const end = text.indexOf("\n");
    if (end >= 0) {
      const rest = text.subarray(end + 1);
      if (rest.length > 0) stream.unshift(rest);
      return text.subarray(0, end).toString();
    }
  }
}
