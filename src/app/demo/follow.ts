import { createHash } from "node:crypto";
import type { Leasehold } from "../../client/index.ts";
import { describeOutcome } from "../../domain/outcome.ts";
import { say } from "./say.ts";

export interface Followed {
  /** Settles when so many lines were printed. */
  printed(lines: number): Promise<void>;
  /** When the run has ended: the digest the command said last, and that of the bytes we got before it. */
  readonly whole: Promise<{ bytes: number; said: string; kept: string }>;
}

/** Prints a run's output line by line as it comes, and checks it against the digest in its last line. */
export function follow(leasehold: Leasehold, runId: string, name: string): Followed {
  let lines = 0;
  let text = "";
  const waiting: { lines: number; resolve: () => void }[] = [];
  const onLine = (line: string): void => {
    lines += 1;
    say(`${name} │ ${line}`);
    for (const w of waiting) if (lines >= w.lines) w.resolve();
  };
  const whole = (async () => {
    let begun = 0;
    for await (const event of leasehold.runs.events(runId)) {
      if (event.type === "output" && event.stream === "stdout") {
        text += Buffer.from(event.bytes).toString("utf8");
        for (let end = text.indexOf("\n", begun); end >= 0; end = text.indexOf("\n", begun)) {
          onLine(text.slice(begun, end));
          begun = end + 1;
        }
      }
      if (event.type === "end") say(`${name} │ ${describeOutcome(event.outcome)}`);
    }
    const match = /sha256 ([0-9a-f]{64})\n$/.exec(text);
    const kept = createHash("sha256").update(text.slice(0, match?.index ?? 0)).digest("hex");
    return { bytes: Buffer.byteLength(text), said: match?.[1] ?? "nothing", kept };
  })();
  return {
    printed: (wanted) => (lines >= wanted ? Promise.resolve() : Promise.race([new Promise<void>((resolve) => waiting.push({ lines: wanted, resolve })), whole.then(() => {})])),
    whole,
  };
}
