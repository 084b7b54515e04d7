import { z } from "zod";
import { closest } from "../domain/closest.ts";
import type { FieldFault } from "../domain/errors.ts";
import type { ConfigFile } from "./files.ts";
import { exposed, type Layer, unknown } from "./layers.ts";

/** An API with a token for it, under a name. */
export interface Context {
  readonly url: string;
  readonly token: string | undefined;
}

/** Those of all files. Of two of one name the one that counts more stays. */
export function readContexts(files: readonly ConfigFile[], url: z.ZodType<string>, faults: FieldFault[]): ReadonlyMap<string, Context> {
  const schema = z.object({ url, token: z.string().min(1).optional() });
  const all = new Map<string, Context>();
  for (const { path, content, readable } of files) {
    const given = content["contexts"] ?? {};
    if (typeof given !== "object" || Array.isArray(given)) {
      faults.push({ field: `${path}: contexts`, message: 'must be an object, like {"production": {"url": "https://...", "token": "..."}}' });
      continue;
    }
    for (const [name, value] of Object.entries(given)) {
      const field = `${path}: contexts.${name}`;
      const read = schema.safeParse(value);
      if (!read.success) {
        faults.push(...read.error.issues.map((issue) => ({ field: [field, ...issue.path.map(String)].join("."), message: issue.message })));
        continue;
      }
      for (const key of Object.keys(value as object)) if (!(key in schema.shape)) faults.push(unknown(`${field}.${key}`, key, Object.keys(schema.shape)));
      if (read.data.token !== undefined && readable) faults.push(exposed(path, `contexts.${name}.token`));
      if (!all.has(name)) all.set(name, { url: read.data.url, token: read.data.token });
    }
  }
  return all;
}

/** Has the context that each place names stand there as its address and token. */
export function applyContexts(layers: readonly Layer[], contexts: ReadonlyMap<string, Context>, faults: FieldFault[]): void {
  for (const { texts, called } of layers) {
    const name = texts.get("LEASEHOLD_CONTEXT");
    if (name === undefined) continue;
    const context = contexts.get(name);
    if (context === undefined) {
      const names = [...contexts.keys()];
      const meant = closest(name, names);
      const others = names.length === 0 ? "no file has any" : meant === undefined ? `there are ${names.join(", ")}` : `did you mean ${meant}?`;
      faults.push({ field: called("LEASEHOLD_CONTEXT"), message: `there is no context ${name}; ${others}` });
    } else if (texts.has("LEASEHOLD_URL")) {
      faults.push({ field: called("LEASEHOLD_CONTEXT"), message: `names an API, and so does ${called("LEASEHOLD_URL")}; say one of them` });
    } else {
      texts.set("LEASEHOLD_URL", context.url);
      if (context.token !== undefined && !texts.has("LEASEHOLD_TOKEN")) texts.set("LEASEHOLD_TOKEN", context.token);
    }
  }
}
