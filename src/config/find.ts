import type { z } from "zod";
import type { FieldFault } from "../domain/errors.ts";
import { applyContexts, type Context, readContexts } from "./contexts.ts";
import { type ConfigFile, configPaths, readConfigFiles } from "./files.ts";
import { environmentLayer, fileLayer, type Layer, type Settings } from "./layers.ts";

/** What the environment and the files say together. */
export interface Found {
  /** By the environment's names, as text: each of the first place that has it. */
  readonly texts: ReadonlyMap<string, string>;
  /** The place that each of them is from. */
  readonly from: ReadonlyMap<string, Layer>;
  readonly files: readonly ConfigFile[];
  readonly contexts: ReadonlyMap<string, Context>;
  /** The file to be changed when this user chooses something; null without a home. */
  readonly own: string | null;
  /** Everything that is wrong, also with what counts for nothing because another place says it too. */
  readonly faults: readonly FieldFault[];
}

/** Looks everywhere. Of what several places say the environment counts most, then the user's file, then the system's. */
export function findSettings(settings: Settings, env: NodeJS.ProcessEnv): Found {
  const faults: FieldFault[] = [];
  const environment = environmentLayer(settings, env, faults);
  const files = readConfigFiles(env, faults);
  const layers = [environment, ...files.map((file) => fileLayer(settings, file, faults))];
  const contexts = readContexts(files, settings["LEASEHOLD_URL"] as z.ZodType<string>, faults);
  applyContexts(layers, contexts, faults);
  for (const { texts, called } of layers) {
    for (const [variable, text] of texts) {
      const read = settings[variable]?.safeParse(text);
      if (read?.success === false) faults.push({ field: called(variable), message: read.error.issues[0]?.message ?? "is wrong" });
    }
  }
  const from = new Map<string, Layer>();
  for (const layer of layers) for (const variable of layer.texts.keys()) if (!from.has(variable)) from.set(variable, layer);
  keepTokenHome(layers, from);
  return { texts: new Map([...from].map(([variable, layer]) => [variable, layer.texts.get(variable) ?? ""])), from, files, contexts, own: ownPath(env), faults };
}

function ownPath(env: NodeJS.ProcessEnv): string | null {
  const { named, user } = configPaths(env);
  return named ?? user ?? null;
}

/** A token is for the address that stands with it, and for no other: whoever only says an address does not get it. */
function keepTokenHome(layers: readonly Layer[], from: Map<string, Layer>): void {
  const [url, token] = [from.get("LEASEHOLD_URL"), from.get("LEASEHOLD_TOKEN")];
  if (url !== undefined && token !== undefined && layers.indexOf(token) > layers.indexOf(url)) from.delete("LEASEHOLD_TOKEN");
}
