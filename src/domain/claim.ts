import { randomUUID } from "node:crypto";

/** One worker's temporary right to work on a row. The token is what counts; the owner is for people. */
export interface Claim {
  readonly owner: string;
  readonly token: string;
}

/** A claim nobody else can hold, not even an earlier one of the same owner. */
export const newClaim = (owner: string): Claim => ({ owner, token: randomUUID() });
