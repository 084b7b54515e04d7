import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Driver } from "../../src/drivers/driver.ts";
import type { ExecutionPlace } from "../../src/session/execution-place.ts";
import { instantCommands } from "../../src/drivers/fake/instant.ts";
import { directoryProvider } from "../../src/drivers/fake/provider.ts";
import { search } from "./property.ts";
import { type Ground, openGround, type PlantedBug } from "./world.ts";

/** Bugs that are put into the product, each where an invariant is guarded: the model has to find each, and say it in a few commands. */

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await ground.close();
});

interface Planted {
  readonly what: string;
  readonly bug: PlantedBug;
  readonly found: RegExp;
}

/** Statements in which a condition holds whatever the row says. */
const without = (condition: RegExp, where: RegExp): PlantedBug => ({ rewrite: (statement) => (where.test(statement) ? statement.replaceAll(condition, "($& or true)") : statement) });

const createsAgain = (driver: Driver, root: string): Driver => {
  const asked = new Set<string>();
  return {
    ...driver,
    acquire: async (context, request) => {
      const made = await driver.acquire(context, request);
      if (asked.has(request.key)) {
        const { installation, company, run } = request.labels;
        const instant = instantCommands("/usr/bin:/bin", { exitCode: 0, stdout: "" });
        await directoryProvider(root).create({
          key: request.key,
          labels: { installation, company, ...(run === null ? {} : { run }) },
          expiresAt: request.expiresAt,
          commands: "instant",
          prepare: (directory) => instant.prepare(directory, context.fence),
        });
      }
      asked.add(request.key);
      return made;
    },
  };
};

const startsAgain = (driver: Driver): Driver => ({
  ...driver,
  session: async (context, resource) => {
    const session = await driver.session(context, resource);
    const { executions } = session;
    if (executions === null) return session;
    const start = async (id: string, ...[caller, spec]: Parameters<ExecutionPlace["start"]>) => {
      const place = executions(id);
      const began = await place.start(caller, spec);
      return began === "exists" && (await place.status()).kind === "ended" ? "started" : began;
    };
    return { ...session, executions: (id) => ({ ...executions(id), start: (...asked) => start(id, ...asked) }) };
  },
});

const keepsWhatItReleases = (driver: Driver): Driver => ({ ...driver, release: async () => {} });

const planted: readonly Planted[] = [
  { what: "a driver that creates again when it is asked again", bug: { driver: createsAgain }, found: /I2: there are two resources/ },
  { what: "a place that starts again when it is asked again", bug: { driver: startsAgain }, found: /I6: execution \S+ was started 2 times/ },
  { what: "a driver whose release does nothing", bug: { driver: keepsWhatItReleases }, found: /I2: lease \S+ is \w+, and its resource is there/ },
  { what: "slots that are not counted", bug: { rewrite: (s) => s.replace("select count(*)::int as used", "select 0 as used") }, found: /I3: environment narrow has 1 slots/ },
  {
    what: "an acquire that takes what somebody alive is at",
    bug: without(/l\.claim_until is null/g, /environment_leases l/),
    found: /I5: lease \S+: claim by .* over the live claim/,
  },
  { what: "an execution that may be claimed twice", bug: without(/claim_until is null/g, /update executions set claim_owner/), found: /I5: execution \S+ was claimed over the live claim/ },
  { what: "a worker that moves a lease though its claim has lapsed", bug: without(/l\.claim_until > clock_timestamp\(\)/g, /update environment_leases l/), found: /I5: lease \S+: \w+ by .* whose claim had lapsed/ },
  { what: "a worker that ends an execution though its claim has lapsed", bug: without(/claim_until > clock_timestamp\(\)/g, /update executions set/), found: /I5: execution \S+ was changed by/ },
  { what: "a run that two decide about", bug: without(/\b(?:version|phase) = \$\d+(?= and| returning)/g, /^update runs set/), found: /I2: run \S+ has 2 leases|I5: run/ },
  { what: "a reaper that does not look for releases", bug: { rewrite: (s) => s.replace("status = 'releasing' and due_at <=", "false and due_at <=") }, found: /I4/ },
];

describe("a planted bug is found, and shrunk to a few commands", () => {
  it.each(planted.map((one) => [one.what, one] as const))(
    "%s",
    async (_what, { bug, found }) => {
      const report = await search(ground, { runs: 200, seed: 5, length: 30 }, bug);
      expect(report.failed).toBe(true);
      expect(String(report.errorInstance)).toMatch(found);
      const commands = fc.stringify(report.counterexample?.[0].commands).replace(/\s*\/\*.*$/, "").split(",");
      process.stderr.write(`${_what} | ${report.numRuns} runs, ${report.numShrinks} shrinks | ${commands.join(",")} | ${String(report.errorInstance).split("\n")[0]}\n`);
      expect(commands.length).toBeLessThanOrEqual(8);
    },
    600_000,
  );
});
