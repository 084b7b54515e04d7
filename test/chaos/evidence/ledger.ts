import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ledger, Start } from "./evidence.ts";

export async function readLedger(directory: string): Promise<Ledger> {
  const lines = async (name: string): Promise<string[][]> => {
    const text = await readFile(join(directory, name), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "").map((line) => line.split(" "));
  };
  const starts = (await lines("starts")).map(([task = "", execution = "", pid = ""]): Start => ({ task, execution, pid: Number(pid) }));
  const meant = new Map<string, string[]>();
  for (const [task = "", ...what] of await lines("meant")) meant.set(task, [...(meant.get(task) ?? []), what.join(" ")]);
  return {
    starts,
    meant,
    digests: new Map((await lines("digests")).map(([task = "", digest = ""]) => [task, digest])),
    data: (task) => readFile(join(directory, "data", task)).catch(() => null),
  };
}
