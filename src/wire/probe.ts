import { probeAnswer } from "../domain/probe.ts";
import type { Immutable } from "./immutable.ts";
import type { z } from "zod";

/** What a worker saw that looked at an environment. */
export const probe = probeAnswer.meta({ id: "Probe", description: "What a worker saw that looked at an environment" });
export type Probe = Immutable<z.output<typeof probe>>;
