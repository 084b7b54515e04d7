import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { everyCommand, examplesIn, helpOf, inertProgram, isLeaf, understood } from "./walk.ts";

/** Commands that answer nothing that a program would read as JSON. */
const withoutJson: Readonly<Record<string, string>> = {
  api: "it answers nothing; its log is JSON lines",
  worker: "the same",
  reaper: "the same",
};

const all = everyCommand(inertProgram());
const leaves = all.filter(({ command }) => isLeaf(command));

describe.each(all)("leasehold $path", ({ path, command }) => {
  it("says what it is, what each option and argument means, within 80 columns", () => {
    expect(command.description()).not.toBe("");
    for (const option of command.options) expect(option.description, `${option.flags} of ${path}`).not.toBe("");
    const help = helpOf(command);
    expect(help.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });
});

describe.each(leaves)("leasehold $path", ({ path, command }) => {
  it("answers programs in JSON, or has a reason not to", () => {
    expect(command.options.some(({ long }) => long === "--json")).toBe(!(path in withoutJson));
  });

  it("has examples, and understands them", async () => {
    const examples = examplesIn(helpOf(command));
    expect(examples).not.toEqual([]);
    for (const example of examples) {
      expect(` ${example} `).toContain(` leasehold ${path} `);
      await understood(example);
    }
  });
});

it("the list of commands without JSON names none that is not there", () => {
  const paths = leaves.map(({ path }) => path);
  expect(Object.keys(withoutJson).filter((path) => !paths.includes(path))).toEqual([]);
});

it("docs/reference.md lists the command line as it is", async () => {
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  const rows = leaves.map(({ path, command }) => {
    const usage = [path, ...command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`)), ...(command.usage().includes("COMMAND") ? ["-- COMMAND"] : [])].join(" ");
    return `| \`${usage}\` | ${cell(command.description())} | ${command.options.map(({ flags }) => `\`${cell(flags)}\``).join(" ")} |`;
  });
  const block = ["<!-- commands: begin -->", "| command | does | options |", "|---|---|---|", ...rows, "<!-- commands: end -->"].join("\n");
  const page = await readFile(fileURLToPath(new URL("../../docs/reference.md", import.meta.url)), "utf8");
  expect(page.includes(block), `paste this into docs/reference.md:\n\n${block}\n`).toBe(true);
});
