import type { Check } from "./check.ts";

export const secrets: Check = {
  invariants: ["I11"],
  says: "no planted secret in Redis, logs, rows or arguments of processes",
  look: ({ secrets: { found, searched }, watched }) => ({ looked: searched + watched.looks, violations: [...new Set([...found, ...watched.exposed])] }),
};
