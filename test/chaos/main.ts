import { randomBytes } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { chaos } from "./chaos.ts";
import { type ChaosOptions, type TroubleKind, troubleKinds } from "./options.ts";
import { lines, summary } from "./report.ts";

const positive = (text: string): number => {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError("must be a number above 0");
  return number;
};
const whole = (text: string): number => {
  const number = positive(text);
  if (!Number.isInteger(number)) throw new InvalidArgumentError("must be a whole number");
  return number;
};
const kinds = (text: string): TroubleKind[] =>
  text.split(",").map((name) => {
    const kind = troubleKinds.find((one) => one === name);
    if (kind === undefined) throw new InvalidArgumentError(`there is no ${name}; there are ${troubleKinds.join(", ")}`);
    return kind;
  });

const program = new Command("chaos")
  .description("Starts a fleet of its own, gives it work of every kind, kills and stops its parts at random, lets it settle, and checks the 14 invariants from outside.")
  .option("--minutes <n>", "how long work and trouble are made; a storm gives up after it", positive)
  .option("--seed <text>", "what the work and the troubles follow from (default: random)")
  .option("--workers <n>", "worker processes", whole)
  .option("--companies <n>", "companies", whole)
  .option("--rate <n>", "pieces of work a second", positive, 2)
  .option("--only <kinds>", `only these troubles: ${troubleKinds.join(",")}`, kinds)
  .option("--storm", "many runs at once, and one worker killed again and again until they have ended")
  .option("--runs <n>", "runs of a storm", whole, 1000)
  .option("--every <s>", "seconds between two workers that are killed in a storm", positive, 1)
  .option("--no-sandboxes", "without sandboxes of bubblewrap")
  .option("--short", "short troubles and works, and the calm after outages is ended by hand before settling")
  .option("--json", "the report as JSON on stdout, progress on stderr")
  .addHelpText("after", "\nEnds with 0 when nothing was violated, with 1 when something was: then everything is kept, and the report says where;\nwith 64 for options that it does not know, with 70 when it failed itself.\nCtrl-C settles and reports; a second one cleans up and leaves.")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 64))
  .parse();

const given = program.opts<{ minutes?: number; seed?: string; workers?: number; companies?: number; rate: number; only?: TroubleKind[]; storm?: true; runs: number; every: number; sandboxes: boolean; short?: true; json?: true }>();
const storm = given.storm === true;
const options: ChaosOptions = {
  seed: given.seed ?? randomBytes(4).toString("hex"),
  durationMs: (given.minutes ?? (storm ? 30 : 1)) * 60_000,
  workers: given.workers ?? (storm ? 4 : 3),
  companies: given.companies ?? (storm ? 10 : 3),
  rate: given.rate,
  only: given.only ?? troubleKinds,
  // They are found within minutes, for which a short one does not wait.
  late: given.short !== true && !storm,
  storm: storm ? { runs: given.runs, everyMs: given.every * 1000 } : null,
  short: given.short === true,
  sandboxes: given.sandboxes,
};

const enough = new AbortController();
const leave = new AbortController();
const hear = (): void => (enough.signal.aborted ? leave.abort(new Error("told to leave")) : enough.abort());
process.on("SIGINT", hear);
process.on("SIGTERM", hear);

const say = (line: string): void => void process.stderr.write(`${line}\n`);
try {
  const report = await chaos(options, { enough: enough.signal, leave: leave.signal, say });
  const data = summary(report, options);
  await written(given.json === true ? `${JSON.stringify(data, null, 2)}\n` : `${lines(report, options).join("\n")}\n`);
  process.exitCode = data.ok ? 0 : 1;
} catch (error) {
  say(leave.signal.aborted ? "Left; everything was cleaned up." : `chaos itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = leave.signal.aborted ? 130 : 70;
}
// A client that is still patient with a fleet that is gone keeps nobody waiting.
process.exit();

function written(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}
