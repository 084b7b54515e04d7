import type { z } from "zod";
import type { Found } from "./find.ts";
import { keyOf, kindOf, type Settings } from "./layers.ts";

/** A setting as it is, for people to look at. */
export interface Explained {
  /** As a file calls it; null for what only the environment says. */
  readonly key: string | null;
  readonly variable: string;
  /** Nothing secret; null when there is none. */
  readonly value: string | null;
  /** `environment`, a file's path, or `default`. */
  readonly source: string;
}

/** Every setting with where its value comes from. `defaults` are values that are not in the schema. */
export function explain(settings: Settings, { texts, from }: Pick<Found, "texts" | "from">, defaults: Readonly<Record<string, string>>): readonly Explained[] {
  return Object.entries(settings).map(([variable, schema]) => {
    const text = texts.get(variable) ?? defaults[variable] ?? usual(schema);
    return {
      key: kindOf(schema) === "environment" ? null : keyOf(variable),
      variable,
      value: text === null ? null : kindOf(schema) === "secret" ? masked(text) : text,
      source: from.get(variable)?.name ?? "default",
    };
  });
}

/** The default that is in the schema. */
function usual(schema: z.ZodType): string | null {
  const { data } = schema.safeParse(undefined);
  return (typeof data === "string" && data !== "") || typeof data === "number" ? String(data) : null;
}

const mask = "********";

/** Of an address only the password is secret. */
function masked(text: string): string {
  if (!URL.canParse(text)) return mask;
  const url = new URL(text);
  if (url.password !== "") url.password = mask;
  return url.href;
}
