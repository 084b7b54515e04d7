import { z } from "zod";
import type { Immutable } from "./immutable.ts";
import { iso } from "./time.ts";

export const tokenRoles = ["operator", "producer"] as const;
export type TokenRole = (typeof tokenRoles)[number];

const shown = { id: z.uuid(), name: z.string(), role: z.enum(tokenRoles), createdAt: iso };

export const token = z.object(shown).meta({ id: "Token", description: "A token, without what it is: that is given once" });
export type Token = Immutable<z.output<typeof token>>;

export const madeToken = z
  .object({ ...shown, token: z.string().meta({ description: "The bearer token. Kept nowhere: nobody can give it again" }) })
  .meta({ id: "MadeToken", description: "A token that was just made" });
export type MadeToken = Immutable<z.output<typeof madeToken>>;

/** What `POST /v1/companies/:name/tokens` takes. */
export interface NewToken {
  /** What the token is for. */
  readonly name: string;
  readonly role?: TokenRole;
}
