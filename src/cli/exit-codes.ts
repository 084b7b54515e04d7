/** How the command line ends. Up to 255; those from 64 to 78 are the ones of sysexits.h. */
export const exitCodes = {
  ok: 0,
  unusable: 1,
  usage: 64,
  refused: 65,
  notFound: 66,
  unavailable: 69,
  bug: 70,
  tryAgain: 75,
  notAllowed: 77,
  config: 78,
  timedOut: 124,
  notRun: 125,
  cancelled: 130,
  outputClosed: 141,
} as const;

export type ExitName = keyof typeof exitCodes;

/** What each means, for people and as the title of a problem document. */
export const exitMeanings: { readonly [N in ExitName]: string } = {
  ok: "all is well",
  unusable: "looked at, and not as it should be",
  usage: "wrong usage",
  refused: "refused as asked",
  notFound: "not found",
  unavailable: "the API cannot be reached",
  bug: "a bug of Leasehold",
  tryAgain: "not now: try again later",
  notAllowed: "not allowed",
  config: "wrong configuration",
  timedOut: "the command ran into its timeout",
  notRun: "it was not started, lost, or its lease ended",
  cancelled: "cancelled",
  outputClosed: "nobody reads our output any more",
};

export const exitNameOf = (code: number): ExitName => (Object.keys(exitCodes) as ExitName[]).find((name) => exitCodes[name] === code) ?? "bug";

const line = (code: string, meaning: string): string => `  ${code.padEnd(6)} ${meaning}`;
const told = (...names: ExitName[]): string => names.map((name) => line(String(exitCodes[name]), exitMeanings[name])).join("\n");

/** For `--help` of everything. */
export const exitCodeHelp = `Exit codes:
${told("ok", "unusable", "usage", "refused", "notFound", "unavailable", "bug", "tryAgain", "notAllowed", "config")}
Commands that stay with a command end with its code, or with:
${commandCodes()}`;

/** For `--help` of what stays with a command. */
export const commandCodeHelp = `Exit codes:
${line("n", "the command's own exit code")}
${commandCodes()}
64 to 78 are those of: leasehold --help`;

function commandCodes(): string {
  return `${line("128+n", "it was ended by signal n")}\n${told("timedOut", "notRun", "cancelled", "outputClosed")}`;
}
