import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Company, Reconcile } from "../../src/client/index.ts";
import { type ApiServer, startApi } from "../http/api-server.ts";
import { leasehold } from "./cli.ts";

let server: ApiServer;
let env: Record<string, string>;
let name: string;
beforeAll(async () => {
  server = await startApi();
  env = { LEASEHOLD_URL: server.url, LEASEHOLD_TOKEN: server.acme.operator };
  const all = JSON.parse((await leasehold(["company", "list", "--json"], env)).stdout) as Company[];
  name = all.find(({ id }) => id === server.acme.id)?.name ?? "";
});
afterAll(() => server[Symbol.asyncDispose]());

const company = (...args: string[]) => leasehold(["company", ...args], env);

describe("leasehold company", () => {
  it("bounds a company and takes the bound back, said to people and to programs", async () => {
    expect(await company("limit", name, "1")).toMatchObject({ code: 0, stdout: `Company ${name} may have 1 lease at once; it has 0.\n` });
    expect((await company("show", name)).stdout).toMatch(/Max leases +1\n/);
    expect((await company("limit", name, "12")).stdout).toBe(`Company ${name} may have 12 leases at once; it has 0.\n`);
    expect((await company("limit", name, "none")).stdout).toBe(`Company ${name} may have as many leases as come.\n`);
    expect(JSON.parse((await company("show", name, "--json")).stdout)).toMatchObject({ name, maxLeases: null });
  });

  it.each([
    [["limit", "x", "0"], 64, "Give a whole number from 1 on"],
    [["limit", "x", "1.5"], 64, "Give a whole number from 1 on"],
    [["limit", "nobody", "1"], 66, "no company nobody"],
    [["show", "nobody"], 66, "no company nobody"],
  ])("%j ends with %i", async (args, code, said) => {
    const done = await company(...args);
    expect([done.code, done.stdout]).toEqual([code, ""]);
    expect(done.stderr).toContain(said);
  });

  it.each([["company", "list"], ["host", "list"], ["reconcile", "show"]])("I12: `%s %s` is not for producers", async (...args) => {
    const done = await leasehold(args, { ...env, LEASEHOLD_TOKEN: server.acme.producer });
    expect([done.code, done.stdout]).toEqual([77, ""]);
    expect(done.stderr).toContain("for operators; use an operator's token");
  });
});

it("`leasehold reconcile confirm` where nothing is held back answers programs in JSON too", async () => {
  expect(await leasehold(["reconcile", "confirm"], env)).toMatchObject({ code: 0, stdout: "Nothing is held back; there is nothing to confirm.\n" });
  const report = JSON.parse((await leasehold(["reconcile", "confirm", "--json"], env)).stdout) as Reconcile;
  expect(report.held).toBeNull();
});
