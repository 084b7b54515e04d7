import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { refused } from "../domain/errors.ts";

/** A master key and what it is called. */
export interface MasterKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/** What a sealed value is bound to: put anywhere else, it does not open. */
export type Binding = readonly string[];

const format = 1;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Seals a text with AES-256-GCM: one byte of format, a nonce of its own, the ciphertext, the tag. Nonces are random: with 2^32
 * values under one key, two are the same with a probability of 2^-33; rotate long before.
 */
export function seal({ id, key }: MasterKey, text: string, binding: Binding): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(associated(id, binding));
  return Buffer.concat([Buffer.of(format), nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what `seal` made. Throws `refused` `secret_unreadable` when anything about it is not as it was: another key, binding or byte. */
export function open({ id, key }: MasterKey, sealed: Buffer, binding: Binding): string {
  const unreadable = (cause?: unknown): Error =>
    refused("secret_unreadable", `a value sealed under master key ${id} does not open with the key that is called so here: the key is another one, or the value was changed`, { cause });
  if (sealed.length < 1 + nonceBytes + tagBytes || sealed[0] !== format) throw unreadable();
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(associated(id, binding));
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(1 + nonceBytes, -tagBytes)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw unreadable(cause);
  }
}

/** JSON, so that no two lists of parts look alike. */
const associated = (keyId: string, binding: Binding): Buffer => Buffer.from(JSON.stringify(["leasehold", format, keyId, ...binding]));

/** What a secret's version is bound to. */
export const versionBinding = (companyId: string, secretId: string, version: number): Binding => ["secret", companyId, secretId, String(version)];

/** What an execution's list of what to look for in its output is bound to. */
export const redactionBinding = (companyId: string, executionId: string): Binding => ["redaction", companyId, executionId];

export const canaryBinding: Binding = ["canary"];
