import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

export interface Graph {
  /** Files that are reached, relative to `root`. */
  readonly files: readonly string[];
  /** Packages and Node's own modules that they name. */
  readonly packages: readonly string[];
}

/** Everything that a built file imports, and what that imports; of a `.d.ts`, what its types are made of. */
export function graphOf(root: string, entry: string): Graph {
  const files = new Set<string>();
  const packages = new Set<string>();
  const types = entry.endsWith(".d.ts");
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const target of targetsIn(readFileSync(file, "utf8"))) {
      if (target.startsWith(".")) visit(join(dirname(file), types ? target.replace(/\.[jt]s$/, ".d.ts") : target));
      else packages.add(target);
    }
  };
  visit(join(root, entry));
  return { files: [...files].map((file) => relative(root, file)).toSorted(), packages: [...packages].toSorted() };
}

/** Of `import ... from`, `export ... from`, `import "..."`, `import("...")`. */
const targetsIn = (text: string): string[] => [...text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
