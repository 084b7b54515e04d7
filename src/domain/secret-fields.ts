import type { z } from "zod";
import { isSecretField, isSecretRef, type SecretRef } from "./secret.ts";

export type FieldPath = readonly (string | number)[];

/** A secret field of a config: where it is, and what stands there. */
export interface FoundSecret {
  readonly path: FieldPath;
  readonly value: string | SecretRef;
}

/**
 * The secret fields of a value that `schema` has taken, at any depth: in objects, arrays, tuples, records, unions and whatever is
 * wrapped around them. Where several members of a union could be meant, the fields of all are found: rather one too many.
 */
export function secretFieldsIn(schema: z.core.$ZodType, value: unknown): FoundSecret[] {
  const found = new Map<string, FoundSecret>();
  const add = (path: FieldPath, at: string | SecretRef): void => void found.set(JSON.stringify(path), { path, value: at });
  walk(schema as z.core.$ZodTypes, value, [], add);
  return [...found.values()];
}

type Add = (path: FieldPath, value: string | SecretRef) => void;

function walk(schema: z.core.$ZodTypes, value: unknown, path: FieldPath, add: Add): void {
  if (value === undefined || value === null) return;
  if (isSecretField(schema)) {
    if (typeof value === "string" || isSecretRef(value)) add(path, value);
    return;
  }
  const into = (inner: z.core.$ZodType, at: unknown, ...step: (string | number)[]): void => walk(inner as z.core.$ZodTypes, at, [...path, ...step], add);
  const { def } = schema._zod;
  switch (def.type) {
    case "object":
      if (!isRecord(value)) return;
      for (const [key, inner] of Object.entries(value)) {
        const member = def.shape[key] ?? def.catchall;
        if (member !== undefined) into(member, inner, key);
      }
      return;
    case "record":
      if (isRecord(value)) for (const [key, inner] of Object.entries(value)) into(def.valueType, inner, key);
      return;
    case "array":
      if (Array.isArray(value)) value.forEach((inner, i) => into(def.element, inner, i));
      return;
    case "tuple":
      if (!Array.isArray(value)) return;
      value.forEach((inner, i) => {
        const member = def.items[i] ?? def.rest;
        if (member) into(member, inner, i);
      });
      return;
    case "union": {
      const fitting = def.options.filter((option) => takes(option, value));
      for (const option of fitting.length > 0 ? fitting : def.options) into(option, value);
      return;
    }
    case "intersection":
      into(def.left, value);
      into(def.right, value);
      return;
    case "pipe":
      into(def.in, value);
      into(def.out, value);
      return;
    case "lazy":
      into(def.getter(), value);
      return;
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      into(def.innerType, value);
      return;
    default:
      return;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function takes(schema: z.core.$ZodType, value: unknown): boolean {
  const result = schema._zod.run({ value, issues: [] }, { async: false });
  return !(result instanceof Promise) && result.issues.length === 0;
}

/** The config with something else in some fields. What was given stays as it is. */
export function withFields(config: Record<string, unknown>, fields: readonly { readonly path: FieldPath; readonly value: unknown }[]): Record<string, unknown> {
  return fields.reduce<unknown>((whole, { path, value }) => replaced(whole, path, value), config) as Record<string, unknown>;
}

function replaced(whole: unknown, [step, ...rest]: FieldPath, value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(whole)) return whole.map((inner, i) => (i === step ? replaced(inner, rest, value) : inner));
  const record = whole as Record<string, unknown>;
  return { ...record, [step]: replaced(record[String(step)], rest, value) };
}

/** How a field is called, like `config.mirrors.0.token`. */
export const fieldName = (path: FieldPath): string => ["config", ...path].join(".");
