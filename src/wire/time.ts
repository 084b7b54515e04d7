import { z } from "zod";

/** A moment in UTC, like `2026-01-31T12:00:00.000Z`. */
export const iso = z.iso.datetime().meta({ id: "Moment", description: "A moment in UTC, like `2026-01-31T12:00:00.000Z`" });
export type Iso = string;
