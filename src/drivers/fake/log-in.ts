import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { CallContext } from "../driver.ts";
import type { FakeConfig } from "./config.ts";
import { providerLayout } from "./layout.ts";
import { ProviderError } from "./provider-error.ts";

/** What of a config opens the provider. */
export type Account = Pick<FakeConfig, "apiToken" | "accounts">;

/**
 * Brings a config's tokens to the provider at `root`, which knows the SHA-256 of those it takes, a line each in hex, in its file
 * `tokens`. Without that file it is open to everybody. Throws the provider's `unauthorized`.
 */
export async function logIn(root: string, { apiToken, accounts = [] }: Account, reveal: CallContext["reveal"]): Promise<void> {
  const wanted = [...(apiToken === undefined ? [] : [apiToken]), ...accounts.flatMap(({ tokens }) => Object.values(tokens))];
  const brought = await Promise.all(wanted.map((token) => reveal(token)));
  const list = await readFile(providerLayout(root).tokens, "utf8").catch(() => null);
  if (list === null) return;
  const taken = new Set(list.split("\n").filter((line) => line !== ""));
  if (brought.length === 0) throw new ProviderError("unauthorized", "the provider wants a token, and the environment's config has none");
  // As careless as a real one may be: what was brought is in its answer.
  for (const token of brought) if (!taken.has(createHash("sha256").update(token).digest("hex"))) throw new ProviderError("unauthorized", `the provider does not take the token ${token}`);
}
