import { pino } from "pino";

/** A logger for drivers in tests: what they complain about is asserted by what they do. */
export const quietLog = pino({ level: "silent" });
