import { z } from "zod";

/** Nothing to set: the place is this machine. Unknown keys are refused. */
export const localConfig = z.strictObject({});
