import { v7, validate } from "uuid";

/** A new row id: UUIDv7, so that ids sort by the time they were made. */
export const newId = (): string => v7();

/** Whether `text` is a UUID of any version, as every id that comes from outside must be. */
export const isId = (text: string): boolean => validate(text);
