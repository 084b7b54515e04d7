import type { z } from "zod";
import { closest } from "../domain/closest.ts";
import type { FieldFault } from "../domain/errors.ts";
import type { ConfigFile } from "./files.ts";

/** What is to be known of a setting's values, for where they come from and how they are shown. */
export type SettingKind = "secret" | "path" | "paths" | "environment";

export type Settings = Readonly<Record<string, z.ZodType>>;

export const kindOf = (schema: z.ZodType): SettingKind | undefined => schema.meta()?.["kind"] as SettingKind | undefined;

/** One place that settings come from. */
export interface Layer {
  /** `environment`, or the file's path. */
  readonly name: string;
  /** As text, by the environment's names. */
  readonly texts: Map<string, string>;
  /** What one is called there. */
  readonly called: (variable: string) => string;
}

/** `LEASEHOLD_DATA_DIR` as a file calls it: `dataDir`. */
export const keyOf = (variable: string): string =>
  variable.replace(/^LEASEHOLD_/, "").toLowerCase().replaceAll(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase());

/** The environment, where an empty variable counts as not set. */
export function environmentLayer(settings: Settings, env: NodeJS.ProcessEnv, faults: FieldFault[]): Layer {
  const layer: Layer = { name: "environment", texts: new Map(), called: (variable) => variable };
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || text === "") continue;
    if (variable in settings) layer.texts.set(variable, text);
    else if (variable.startsWith("LEASEHOLD_")) faults.push(unknown(variable, variable, Object.keys(settings)));
  }
  return layer;
}

/** A file, whose keys are the settings' and `contexts`. */
export function fileLayer(settings: Settings, file: ConfigFile, faults: FieldFault[]): Layer {
  const byKey = new Map(Object.entries(settings).flatMap(([variable, schema]) => (kindOf(schema) === "environment" ? [] : [[keyOf(variable), variable]])));
  const layer: Layer = { name: file.path, texts: new Map(), called: (variable) => `${file.path}: ${keyOf(variable)}` };
  for (const [key, value] of Object.entries(file.content)) {
    if (key === "contexts" || value === null) continue;
    const variable = byKey.get(key);
    if (variable === undefined) {
      faults.push(unknown(`${file.path}: ${key}`, key, [...byKey.keys(), "contexts"]));
      continue;
    }
    const kind = kindOf(settings[variable] as z.ZodType);
    const text = textOf(value, kind);
    if (typeof text !== "string") faults.push({ field: layer.called(variable), message: text.fault });
    else if (text !== "") layer.texts.set(variable, text);
    if (kind === "secret" && typeof text === "string" && isSecret(text) && file.readable) faults.push(exposed(file.path, key));
  }
  return layer;
}

export const unknown = (field: string, name: string, known: readonly string[]): FieldFault => {
  const meant = closest(name, known);
  return { field, message: `is not known here; ${meant === undefined ? "remove it or correct its name" : `did you mean ${meant}?`}` };
};

export const exposed = (path: string, key: string): FieldFault => ({ field: `${path}: ${key}`, message: `is secret, and others may read the file; chmod 600 ${path}` });

/** An address without a password is not. */
const isSecret = (text: string): boolean => !URL.canParse(text) || new URL(text).password !== "";

/** A value of JSON as the environment would say it. */
function textOf(value: unknown, kind: SettingKind | undefined): string | { readonly fault: string } {
  if (kind === "paths") {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    const right = list.every((one): one is string => typeof one === "string" && one.startsWith("/") && !one.includes(":"));
    return right ? list.join(":") : { fault: "must be a list of absolute paths, without colons" };
  }
  if (kind === "path") return typeof value === "string" && value.startsWith("/") ? value : { fault: "must be an absolute path" };
  return typeof value === "string" || typeof value === "number" ? String(value) : { fault: "must be a text or a number" };
}
