import { z } from "zod";
import { killedValues, killReasons, outcomeSchema, runResults } from "../domain/outcome.ts";

/** How a command ended. */
export const outcome = outcomeSchema.meta({ id: "Outcome", description: "How a command ended. 0 is only ever a real 0" });
export const result = z.enum(runResults).meta({ id: "Result", description: "The outcome in one word" });
export const killed = z.enum(killedValues).meta({ id: "Killed", description: "What is known about the processes after we ended the command" });
export const killReason = z.enum(killReasons).meta({ id: "KillReason" });
