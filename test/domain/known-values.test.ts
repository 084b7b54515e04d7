import { describe, expect, it } from "vitest";
import { transient } from "../../src/domain/errors.ts";
import { KnownValues } from "../../src/domain/known-values.ts";

const value = "hunter2-and-more";
const known = (): KnownValues => {
  const values = new KnownValues();
  values.hold(value);
  return values;
};

describe("I11: an error's known values", () => {
  it("are taken out of it and of its causes", () => {
    const error = transient("provider_failed", `said ${value}`, { cause: new Error(`because of ${value}`) });
    known().redactError(error);
    expect([error.message, (error.cause as Error).message, error.stack?.includes(value)]).toEqual(["said ***", "because of ***", false]);
  });

  it("are taken out of what an abort throws, whose message cannot be set, and which is left alone where there are none", () => {
    const said = new DOMException(`no ${value}`, "TimeoutError");
    known().redactError(said);
    expect(said.message).toBe("no ***");
    const late = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    known().redactError(late);
    expect([late.message, Object.hasOwn(late, "message")]).toEqual(["The operation was aborted due to timeout", false]);
  });
});
