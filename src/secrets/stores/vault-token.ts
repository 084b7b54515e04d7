import { readFile } from "node:fs/promises";
import { z } from "zod";
import { refused } from "../../domain/errors.ts";
import { nonsense } from "./errors.ts";
import type { VaultClient } from "./vault-client.ts";

/** How we come to a token. Files are read each time, so that what they hold may change. */
export type VaultLogin =
  | { readonly method: "token"; readonly tokenFile: string }
  | { readonly method: "approle"; readonly mount: string; readonly roleId: string; readonly secretIdFile: string };

export interface VaultToken {
  /** A token that should do. Logs in, or renews, when it is time. */
  get(signal: AbortSignal): Promise<string>;
  /** Forgets a token that did not do. False when another one cannot be had. */
  drop(token: string): Promise<boolean>;
}

interface Held {
  readonly token: string;
  readonly renewable: boolean;
  /** `performance.now()` at which it is renewed, and at which it is over. */
  readonly renewAt: number;
  readonly endsAt: number;
}

const loginAnswer = z.object({ auth: z.object({ client_token: z.string().min(1), lease_duration: z.number(), renewable: z.boolean().default(false) }) });

/** The token of a Vault: from a file, or from a login as an AppRole, renewed after two thirds of its life. */
export function vaultToken(name: string, client: VaultClient, login: VaultLogin): VaultToken {
  let held: Held | null = null;
  let under: Promise<Held> | null = null;

  const heldFrom = (body: unknown): Held => {
    const read = loginAnswer.safeParse(body);
    if (!read.success) throw nonsense(name, "a login without a token");
    const { client_token: token, lease_duration: seconds, renewable } = read.data.auth;
    // A token without an end has the duration 0.
    const life = seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY;
    const now = performance.now();
    return { token, renewable, renewAt: now + (life * 2) / 3, endsAt: now + life * 0.95 };
  };

  const logIn = async (role: Extract<VaultLogin, { method: "approle" }>, signal: AbortSignal): Promise<Held> => {
    const answer = await client.call("POST", `auth/${role.mount}/login`, { body: { role_id: role.roleId, secret_id: await contentOf(name, role.secretIdFile) }, signal });
    if (answer.status !== 200) throw refused("secret_store_denied", `store ${name} does not let us log in (${answer.status}); look at its role ${role.roleId} and the file of its secret id`);
    return heldFrom(answer.body);
  };

  const renewed = async (before: Held, role: Extract<VaultLogin, { method: "approle" }>, signal: AbortSignal): Promise<Held> => {
    if (!before.renewable || performance.now() >= before.endsAt) return logIn(role, signal);
    const answer = await client.call("POST", "auth/token/renew-self", { token: before.token, body: {}, signal });
    // Its longest life is over, or it was revoked.
    return answer.status === 200 ? heldFrom(answer.body) : logIn(role, signal);
  };

  return {
    get: async (signal) => {
      if (login.method === "token") return contentOf(name, login.tokenFile);
      if (held !== null && performance.now() < held.renewAt) return held.token;
      // Many ask at once; one login does for all.
      under ??= (held === null ? logIn(login, signal) : renewed(held, login, signal)).finally(() => {
        under = null;
      });
      held = await under;
      return held.token;
    },
    drop: async (token) => {
      if (login.method === "token") return (await contentOf(name, login.tokenFile)) !== token;
      if (held?.token === token) held = null;
      return true;
    },
  };
}

async function contentOf(name: string, path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (cause) {
    throw refused("secret_store_unconfigured", `store ${name} needs ${path} to log in, which cannot be read: ${(cause as NodeJS.ErrnoException).code ?? "unknown error"}`, { cause });
  }
}
