/** What stands below a command's help: how it is called, a line each. A test has the program read every one of them. */
export const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
