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

/** For `--help`. */
export const exitCodeHelp = `Exit codes:
  0    all is well
  64   wrong usage              69   the API cannot be reached
  65   refused as asked         70   a bug of Leasehold
  66   not found                75   not now: try again later
  77   not allowed              78   wrong configuration
of \`env probe\`:
  1    the environment cannot be used as it is
of \`host drain --wait\`:
  1    only stuck leases are left    130  stopped waiting
of \`run\`, \`run attach\` and \`lease exec\`:
  n    the command's own exit code
  124  it ran into its timeout  125  it was not started, lost, or its lease ended
  128+n it was ended by signal n
  130  it was cancelled         141  nobody reads our output any more
`;
