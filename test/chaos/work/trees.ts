import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Random } from "../random.ts";
import type { Tree } from "./plan.ts";

/** Directories of the host that runs have copied in as their workspace. */
export async function makeTrees(root: string, random: Random): Promise<Tree[]> {
  const trees: Tree[] = [];
  for (let n = 0; n < 3; n++) {
    const path = join(root, `tree-${n}`);
    const names = Array.from({ length: random.between(1, 30) }, (_, i) => `${random.pick(["", "a/", "a/b c/", "d/"])}file-${i}`).toSorted((a, b) => (`./${a}` < `./${b}` ? -1 : 1));
    let content = "";
    for (const name of names) {
      const text = `${name} of tree ${n}: ${random.between(0, 1e9)}\n`.repeat(random.between(0, 50));
      content += text;
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
      if (random.chance(0.3)) await chmod(join(path, name), 0o755);
    }
    trees.push({ path, content });
  }
  return trees;
}
