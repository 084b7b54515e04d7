import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { catalog } from "../queues/catalog.ts";
import { exitCodes } from "../src/cli/exit-codes.ts";
import { settings } from "../src/config.ts";
import { attempts, limits, pools, retention, sandbox, timing } from "../src/domain/defaults.ts";
import { executionStates } from "../src/domain/execution.ts";
import { leaseEvents, leaseRules, leaseStates } from "../src/domain/lease.ts";
import { outcomeSchema } from "../src/domain/outcome.ts";
import { runPhases } from "../src/domain/run.ts";
import * as embedded from "../src/embedded/timing.ts";
import type { ApiParts } from "../src/http/parts.ts";
import { allRoutes } from "../src/http/routes.ts";
import { waitingCodes } from "../src/wire/waiting.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const reference = read("docs/reference.md");

/** The lines of a page under a heading, up to the next one. */
function section(page: string, heading: string): string[] {
  const lines = page.split("\n");
  const start = lines.indexOf(`## ${heading}`);
  if (start === -1) throw new Error(`there is no heading "${heading}"`);
  const end = lines.findIndex((line, i) => i > start && line.startsWith("## "));
  return lines.slice(start + 1, end === -1 ? undefined : end);
}

/** The rows of the first table of a section, by cell, without heading and rule. */
function rows(page: string, heading: string): string[][] {
  const lines = section(page, heading);
  const start = lines.findIndex((line) => line.startsWith("|"));
  const table = lines.slice(start);
  const end = table.findIndex((line) => !line.startsWith("|"));
  return table.slice(2, end === -1 ? undefined : end).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

const bare = (cell: string | undefined): string => (cell ?? "").replaceAll("`", "");
const listed = (heading: string): string[] => rows(reference, heading).map(([name]) => bare(name)).sort();
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

/** `{ a: { b: 1 } }` as `a.b`: 1. */
function flat(prefix: string, value: unknown): [string, number][] {
  if (typeof value === "number") return [[prefix, value]];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => flat(prefix === "" ? key : `${prefix}.${key}`, inner));
}

const valuesIn = (heading: string): [string, number][] => rows(reference, heading).map(([name, value]) => [bare(name), Number.parseInt(bare(value), 10)]);
const byName = (pairs: [string, number][]): Record<string, number> => Object.fromEntries(pairs.toSorted(([a], [b]) => a.localeCompare(b)));

function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

const sources = ["src", "queues", "workers"].flatMap((folder) => filesUnder(folder, ".ts")).map(read);
const found = (pattern: RegExp): string[] => sources.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? ""));

describe("docs/reference.md lists exactly what there is", () => {
  it("settings, with their defaults", () => {
    const defaults: Readonly<Record<string, string | number | undefined>> = settings.parse({});
    const actual = Object.keys(settings.shape).map((name) => [name, String(defaults[name] ?? "") || "none"]);
    expect(rows(reference, "Settings").map(([name, value]) => [bare(name), bare(value)])).toEqual(actual);
  });

  it("times", () => {
    expect(byName(valuesIn("Times"))).toEqual(byName(flat("timing", timing)));
  });

  it("attempts, sizes, pools and retention", () => {
    const actual = [...flat("attempts", attempts), ...flat("limits", limits), ...flat("pools", pools), ...flat("sandbox", sandbox), ...flat("retention", retention)];
    expect(byName(valuesIn("Attempts, sizes, pools and retention"))).toEqual(byName(actual));
  });

  it("numbers of the embedded services", () => {
    expect(byName(valuesIn("Embedded services"))).toEqual(byName(flat("", { ...embedded })));
  });

  it.each([
    ["Run phases", runPhases],
    ["Execution states", executionStates],
    ["Lease states", leaseStates],
    ["Lease events", leaseEvents],
    ["Outcomes", outcomeSchema.options.map((option) => option.shape.kind.value)],
    ["Queues", Object.keys(catalog)],
    ["Exit codes", Object.values(exitCodes).map(String)],
  ])("%s", (heading, names) => {
    expect(listed(heading)).toEqual(sorted(names));
  });

  it("names of exit codes", () => {
    expect(Object.fromEntries(rows(reference, "Exit codes").map(([code, name]) => [name, Number(bare(code))]))).toEqual({ ...exitCodes });
  });

  it("reasons for not_started that are no error codes", () => {
    const literal = [...found(/notStarted\("(\w+)"/g), ...found(/kind: "not_started", reason: "(\w+)"/g), ...found(/"(command_not_(?:found|executable)|sandbox_not_started)"/g)];
    const step = found(/"(workspace_realization_failed)"/g);
    expect(listed("Reasons for not_started")).toEqual(sorted([...literal, ...step]));
  });

  it("what a run may wait for", () => {
    expect(listed("Waiting")).toEqual(sorted(waitingCodes));
  });

  it("routes", () => {
    // Of no parts: they are listed, not called.
    const routes = allRoutes({} as ApiParts).map(({ method, path }) => `${method} ${path}`);
    expect(listed("HTTP routes")).toEqual(sorted([...routes, "GET /openapi.json", "GET /docs", "GET /queues"]));
  });

  it("actions of the activity log", () => {
    expect(listed("Activity")).toEqual(sorted([...read("src/db/activity.ts").matchAll(/"((?:environment|company|secret)\.\w+)"/g)].map((match) => match[1] ?? "")));
  });

  it("error codes", () => {
    expect(listed("Error codes")).toEqual(errorCodes());
  });
});

/** Every code the sources can throw or answer with. One that is put together has its parts listed here. */
function errorCodes(): string[] {
  const parts: Record<string, readonly string[]> = {
    "${noun}_not_found": ["run_not_found", "lease_not_found", "execution_not_found"],
    "${root}_invalid": [...parseRoots(), ...bodyRoots()].map((name) => `${name}_invalid`.toLowerCase()),
    "${start.name}_unavailable": ["postgres_unavailable", "redis_unavailable"],
    "${start.name}_stopped": ["postgres_stopped", "redis_stopped"],
  };
  const thrown = found(/\b(?:invalid|stale|busy|transient|refused|gone|cancelled)\(\s*["`]([^"`]+)["`]/g);
  const others = found(/code: (?:ours\?\.code \?\? )?"([a-z]+_[a-z_]+)"/g).filter((code) => code === "api_unreachable" || code === "internal_error");
  return sorted(
    [...thrown, ...others].flatMap((code) => {
      if (!code.includes("${")) return [code];
      const made = parts[code];
      if (made === undefined) throw new Error(`say in test/docs.test.ts which codes ${code} makes`);
      return made;
    }),
  );
}

/** The names under which the bodies of routes are checked. */
const bodyRoots = (): string[] => allRoutes({} as ApiParts).flatMap(({ body }) => (body !== undefined && "root" in body ? [body.root] : []));

/** The names under which values are checked: the last argument of each `parse(...)` of `src/domain/parse.ts`. */
function parseRoots(): string[] {
  return sources
    .filter((text) => /import \{ parse \} from "[./\w]+\/parse\.ts"/.test(text))
    .flatMap((text) => [...text.matchAll(/(?<![.\w])parse\(/g)].map((match) => argumentsAt(text, match.index + match[0].length)))
    .map((args) => /"(\w+)",?\s*$/.exec(args)?.[1])
    .filter((name) => name !== undefined);
}

/** What stands between a parenthesis that opens before `start` and the one that closes it. */
function argumentsAt(text: string, start: number): string {
  let depth = 1;
  let at = start;
  for (; depth > 0 && at < text.length; at++) depth += text[at] === "(" ? 1 : text[at] === ")" ? -1 : 0;
  return text.slice(start, at - 1);
}

describe("docs/leases.md", () => {
  it("has the lease machine as it is", () => {
    const heading = ["| event | from | to | claim | fence | ending | must destroy |", "|---|---|---|---|---|---|---|"];
    const machine = leaseEvents.flatMap((event) =>
      leaseRules[event].map((rule) => {
        const from = rule.from.map((state) => `\`${state}\``).join(", ") + (rule.unclaimedOnly === true ? ", never claimed" : "");
        const to = rule.to === "ending" ? "its ending" : `\`${rule.to}\``;
        return `| \`${event}\` | ${from} | ${to} | ${rule.claim} | ${rule.fence ? "+1" : ""} | ${rule.ending ?? ""} | ${rule.mustDestroy === true ? "yes" : ""} |`;
      }),
    );
    const block = ["<!-- machine: begin -->", ...heading, ...machine, "<!-- machine: end -->"].join("\n");
    const page = read("docs/leases.md");
    expect(page.includes(block), `paste this into docs/leases.md:\n\n${block}\n`).toBe(true);
  });

  it("draws every change of state, and no other", () => {
    const drawing = /```mermaid\n([\s\S]*?)```/.exec(read("docs/leases.md"))?.[1] ?? "";
    const drawn = [...drawing.matchAll(/^\s*(\w+) --> (\w+): (.+)$/gm)].flatMap(([, from, to, events = ""]) => events.split(", ").map((event) => `${from} ${event} ${to}`));
    const changes = leaseEvents.flatMap((event) =>
      leaseRules[event].flatMap((rule) =>
        rule.from.flatMap((from) => (rule.to === "ending" ? ["released", "expired", "failed"] : [rule.to]).filter((to) => to !== from).map((to) => `${from} ${event} ${to}`)),
      ),
    );
    expect(sorted(drawn)).toEqual(sorted(changes));
  });
});

describe("docs/dependencies.md", () => {
  it("names every npm package that package.json does, with its version, and no other", () => {
    const manifest = JSON.parse(read("package.json")) as Record<"dependencies" | "devDependencies" | "optionalDependencies" | "overrides", Record<string, string>>;
    const wanted = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies, ...manifest.overrides });
    const page = read("docs/dependencies.md");
    const named = ["At run time", "Optional", "Overridden", "For development"].flatMap((heading) => rows(page, heading).map(([name, version]) => `${bare(name)} ${bare(version)}`));
    expect(named.toSorted()).toEqual(wanted.map(([name, version]) => `${name} ${version}`).toSorted());
  });
});

describe("links", () => {
  const pages = ["README.md", ...filesUnder("docs", ".md")];

  it.each(pages)("of %s lead somewhere", (page) => {
    const text = read(page).replaceAll(/```[\s\S]*?```/g, "");
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1] ?? "")
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !leadsSomewhere(page, target));
    expect(broken).toEqual([]);
  });
});

function leadsSomewhere(page: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : relative(root, join(root, dirname(page), path));
  if (!existsSync(join(root, file))) return false;
  if (anchor === undefined) return true;
  const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"),
  );
  return headings.includes(anchor);
}
