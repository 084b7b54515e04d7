import { z } from "zod";
import type { Immutable } from "./immutable.ts";

/** An RFC 9457 problem document, as every error is answered. */
export const problem = z
  .object({
    type: z.string().meta({ description: "`urn:leasehold:problem:<code>`", example: "urn:leasehold:problem:run_not_found" }),
    title: z.string().meta({ description: "The name of the status", example: "Not Found" }),
    status: z.int(),
    detail: z.string().meta({ description: "What is wrong, and what to do about it" }),
    code: z.string().meta({ description: "`noun_problem`; what programs look at", example: "run_not_found" }),
    errors: z.array(z.object({ field: z.string().meta({ example: "run.command.0" }), message: z.string() })).optional().meta({ description: "The faulty fields, where that is what is wrong" }),
  })
  .meta({ id: "Problem", description: "An error, as RFC 9457 has it" });
export type Problem = Immutable<z.output<typeof problem>>;
