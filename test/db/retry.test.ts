import { describe, expect, it } from "vitest";
import { throughOutage } from "../../src/db/retry.ts";

const away = (): Error => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

describe("throughOutage", () => {
  it("I5: gives an answer that was had though the signal fired meanwhile: nobody else may know what it says", async () => {
    const stop = new AbortController();
    const claim = async (): Promise<string> => {
      stop.abort(new Error("this worker stops"));
      return "claimed";
    };
    expect(await throughOutage(claim, { signal: stop.signal })).toBe("claimed");
  });

  it("does not ask again once the signal has fired", async () => {
    const stop = new AbortController();
    let asked = 0;
    const lost = async (): Promise<never> => {
      asked += 1;
      stop.abort(new Error("this worker stops"));
      throw away();
    };
    await expect(throughOutage(lost, { signal: stop.signal })).rejects.toThrow("this worker stops");
    expect(asked).toBe(1);
  });

  it("asks again while the database is away, and not after any other error", async () => {
    const answers: (() => string)[] = [() => { throw away(); }, () => "there"];
    expect(await throughOutage(async () => answers.shift()?.())).toBe("there");
    await expect(throughOutage(async () => { throw new Error("a bug"); })).rejects.toThrow("a bug");
  });
});
