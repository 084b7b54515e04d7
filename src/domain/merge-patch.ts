import { isSecretRef } from "./secret.ts";

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * `target` changed by a JSON Merge Patch (RFC 7396): what is null is removed, objects are merged, all else takes the place of
 * what was there. A reference to a secret is one thing, and replaced whole. Changes neither argument.
 */
export function mergePatch(target: Readonly<Record<string, unknown>>, patch: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const before = merged.get(key);
    if (value === null) merged.delete(key);
    else merged.set(key, isObject(value) && !isSecretRef(value) ? mergePatch(isObject(before) ? before : {}, value) : value);
  }
  // Not by assignment: a key may be `__proto__`.
  return Object.fromEntries(merged);
}
