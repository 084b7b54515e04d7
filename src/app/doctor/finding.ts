import { reasonOf } from "../../domain/errors.ts";

/** What a look at one thing found. */
export interface Finding {
  /** What was looked at, in two or three words. */
  readonly subject: string;
  /** `fault`: something does not work; `warning`: it works, and will not always. */
  readonly state: "fine" | "warning" | "fault";
  readonly says: string;
  /** What to do; with everything that is not fine. */
  readonly remedy?: string;
}

/** Looks at one thing. What it throws is a fault of its subject. */
export interface Check {
  readonly subject: string;
  readonly remedy: string;
  look(): Promise<readonly Finding[]>;
}

/** Milliseconds after which a look has found that nothing answers. */
export const patience = 8000;

/** All findings, in the order of the checks, which are made at once. */
export async function findings(checks: readonly Check[]): Promise<Finding[]> {
  return (await Promise.all(checks.map(made))).flat();
}

async function made({ subject, remedy, ...check }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience / 1000} s`)), patience);
  });
  try {
    return await Promise.race([check.look(), late]);
  } catch (error) {
    return [{ subject, state: "fault", says: reasonOf(error), remedy }];
  } finally {
    clearTimeout(timer);
  }
}
