import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { invalid } from "../domain/errors.ts";
import { writePrivate } from "../embedded/private-file.ts";
import type { ConfigFile } from "./files.ts";

/** Writes down in a configuration file which context counts; null for none. Everything else in it stays. */
export async function chooseContext({ path, content }: Pick<ConfigFile, "path" | "content">, name: string | null): Promise<void> {
  if (name !== null && "url" in content) throw invalid("context_hidden", `${path} has a \`url\` of its own, which would be in the way; remove it, or make it a context too`);
  const { context: _, ...others } = content;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writePrivate(path, `${JSON.stringify(name === null ? others : { ...others, context: name }, null, 2)}\n`);
}
