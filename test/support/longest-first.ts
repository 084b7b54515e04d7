import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take a minute and more, the longest first. */
const long = [
  "fleet/crash-points",
  "contract/bubblewrap",
  "contract/ordinary-user",
  "contract/fake",
  "fleet/deaths",
  "fleet/faults",
  "contract/local",
  "outages/postgres",
  "chaos/chaos",
  "http/fuzz",
  "embedded/services",
  "fleet/many",
  "model/planted",
  "app/up",
  "fleet/rolling",
  "secrets/canary/canary",
  "fleet/slots",
  "outages/redis",
  "model/model",
];

/** So that no worker is alone with a long file at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at === -1 ? long.length : at;
    };
    return files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId));
  }
}
