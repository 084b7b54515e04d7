import { createHash } from "node:crypto";

/** The same request gives the same hash, whatever the order of its keys. */
export function requestHash(request: unknown): Buffer {
  const canonical = JSON.stringify(request, (_key, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash("sha256").update(canonical).digest();
}
