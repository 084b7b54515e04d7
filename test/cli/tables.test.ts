import stringWidth from "string-width";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Column, columnWidths } from "../../src/cli/column-widths.ts";
import { insertEnvironment } from "../../src/db/environments.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { accepted } from "../http/run-states.ts";
import { fakeEnvironment } from "../support/stack.ts";
import { leasehold } from "./cli.ts";
import { onTerminal } from "./terminal.ts";

describe("columns", () => {
  const columns: Column[] = [{ name: "ID" }, { name: "NAME", gives: 1, least: 4 }, { name: "WHY", gives: 2, least: 6 }, { name: "RUN", optional: 2 }, { name: "HOST", optional: 1 }];
  const wished = [10, 20, 20, 10, 10];
  const shown = (available: number) => columnWidths(columns, wished, available)?.map(({ at, width }) => `${columns[at]?.name} ${width}`).join(", ") ?? null;

  it.each([
    [78, "ID 10, NAME 20, WHY 20, RUN 10, HOST 10"],
    [77, "ID 10, NAME 19, WHY 20, RUN 10, HOST 10"],
    [62, "ID 10, NAME 4, WHY 20, RUN 10, HOST 10"],
    [48, "ID 10, NAME 4, WHY 6, RUN 10, HOST 10"],
    [47, "ID 10, NAME 4, WHY 17, RUN 10"],
    [36, "ID 10, NAME 4, WHY 6, RUN 10"],
    [35, "ID 10, NAME 4, WHY 17"],
    [24, "ID 10, NAME 4, WHY 6"],
    [23, null],
  ])("of %i columns of terminal: %s", (available, expected) => {
    expect(shown(available)).toBe(expected);
  });

  it("are as wide as they like where there is room", () => {
    expect(shown(1000)).toBe(shown(78));
  });
});

describe("a table", () => {
  let server: ApiServer;
  let env: Record<string, string>;
  const name = "Größe 環境 👩‍👩‍👧 e\u0301t\u0301e\u0301 of a very long name, far too long to be shown";
  beforeAll(async () => {
    server = await startApi();
    env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.producer };
    await insertEnvironment(server.db, server.acme.id, { ...fakeEnvironment({}), name });
    await accepted(server, server.acme.id, { command: ["sh", "-c", "echo 環境環境環境環境環境環境環境環境環境環境環境環境"] });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const widest = (lines: readonly string[]): number => Math.max(...lines.map((line) => stringWidth(line)));
  const plain = (lines: readonly string[]): string => stripVTControlCharacters(lines.join("\n"));

  it.each([120, 80, 60, 50, 40])("fits a terminal of %i columns, whatever is in it", async (columns) => {
    for (const listing of ["env", "run"]) {
      const { lines } = await onTerminal([listing, "list"], columns, env);
      expect(widest(lines), plain(lines)).toBeLessThanOrEqual(columns);
    }
  });

  it("cuts what may be cut, and never an id", async () => {
    const { lines } = await onTerminal(["run", "list"], 80, env);
    expect(plain(lines)).toMatch(/^ID +STATE +CREATED +RAN +COMMAND\n[0-9a-f-]{36} +accepted +.* sh -c 'ec.*…$/);
    expect(plain((await onTerminal(["run", "list"], 50, env)).lines)).toMatch(/^[0-9a-f-]{36}\n {2}STATE.accepted/);
  });

  it("is whole where nobody looks", async () => {
    const stdout = Buffer.from((await leasehold(["env", "list"], env)).stdout, "latin1").toString();
    expect(stdout).toContain(name);
    expect(stdout).not.toContain("\u001b");
  });
});
