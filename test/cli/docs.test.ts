import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { understood } from "./walk.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = ["README.md", ...readdirSync(`${root}docs`).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

/** What a page tells its reader to type: each line of its shell blocks, and of its consoles what stands after the prompt. */
function commands(page: string): string[] {
  const blocks = [...readFileSync(root + page, "utf8").matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, shell, text = ""]) => {
    const lines = text.replaceAll(/\\\n\s*/g, "").split("\n");
    return shell === "sh" ? lines : lines.flatMap((line) => (line.startsWith("$ ") ? [line.slice(2)] : []));
  });
}

/** Each call of the program in a line, as it stands alone. */
const calls = (line: string): string[] =>
  line
    .replace(/\s#.*$/, "")
    .split(/ && |\$\(|\)$|\)\s/)
    .filter((part) => /(?:^|\s)leasehold /.test(part));

const found = pages.flatMap((page) => commands(page).flatMap((line) => calls(line).map((call) => ({ page, call }))));

describe("what the pages have their reader type", () => {
  it("is looked at", () => {
    expect(found.length).toBeGreaterThan(50);
  });

  it.each(found)("$page: $call", async ({ call }) => {
    await understood(call);
  });

  it("names scripts that there are", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) => [...readFileSync(root + page, "utf8").matchAll(/npm run ([a-z-]+)/g)].map(([, name = ""]) => name));
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
