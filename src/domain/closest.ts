import { closestMatch } from "leven";

/** The name among those there are that was probably meant; undefined when none is near. */
export function closest(meant: string | undefined, names: readonly string[]): string | undefined {
  if (meant === undefined) return undefined;
  const lower = names.map((name) => name.toLowerCase());
  // Of a short name few letters can be wrong before it is another.
  const found = closestMatch(meant.toLowerCase(), lower, { maxDistance: Math.min(3, Math.floor(meant.length / 2)) });
  return found === undefined ? undefined : names[lower.indexOf(found)];
}
