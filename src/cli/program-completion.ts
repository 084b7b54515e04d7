import { Argument, type Command } from "commander";
import { completionPlaces, completionScripts, type Shell, shells } from "./completion-scripts.ts";
import { examples } from "./examples.ts";
import { answer, answerJson } from "./print.ts";

/** What a shell reads to complete this program's commands, options, and names of what is there. */
export function completionCommand(program: Command): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>", "whose").choices(shells))
    .summary("have a shell complete what is typed")
    .description("print what a shell reads once to complete commands, options and names")
    .option("--json", "answer in JSON")
    .addHelpText("after", examples(...shells.map((shell) => completionPlaces[shell])))
    .action((shell: Shell, options: { json?: true }) => {
      if (options.json === true) answerJson({ shell, script: completionScripts[shell] });
      else answer(completionScripts[shell]);
    });
}
