import { LeaseholdError } from "../domain/errors.ts";
import type { EnvironmentVariables } from "../domain/request.ts";
import type { LeaseSecrets } from "./lease-secrets.ts";

/** Variables of a command with their values. What cannot be had is said with the variable's name. */
export async function revealVariables(secrets: LeaseSecrets, env: EnvironmentVariables): Promise<Record<string, string>> {
  const reveal = async (name: string, value: EnvironmentVariables[string]): Promise<readonly [string, string]> => {
    try {
      return [name, await secrets.reveal(value, "command")];
    } catch (error) {
      if (!(error instanceof LeaseholdError)) throw error;
      const { kind, code, status, retryAfter } = error;
      throw new LeaseholdError(kind, code, `variable ${name}: ${error.message}`, { cause: error, ...(status === undefined ? {} : { status }), ...(retryAfter === undefined ? {} : { retryAfter }) });
    }
  };
  // All at once, so that they are read together. One that fails has been told by then which; the others are no bugs.
  const revealed = await Promise.allSettled(Object.entries(env).map(([name, value]) => reveal(name, value)));
  const failed = revealed.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return Object.fromEntries(revealed.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
}
