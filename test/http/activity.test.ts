import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Activity, Page, Problem } from "../../src/client/index.ts";
import { actions, insertActivity } from "../../src/db/activity.ts";
import { newId } from "../../src/domain/ids.ts";
import { type ApiServer, startApi } from "./api-server.ts";

let server: ApiServer;
const run = newId();
beforeAll(async () => {
  server = await startApi();
  for (const action of actions) {
    await insertActivity(server.db, { companyId: server.acme.id, action, entityType: "environment", entityId: newId(), runId: action.includes("lease_") ? run : null, details: { action } });
  }
});
afterAll(() => server[Symbol.asyncDispose]());

const page = async (query: string, token = server.acme.producer): Promise<Page<Activity>> => (await (await server.request(`/v1/activity?${query}`, { token })).json()) as Page<Activity>;

describe("GET /v1/activity", () => {
  it("tells all that happened, newest first, page by page", async () => {
    const told: Activity[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { items, next }: Page<Activity> = await page(`limit=4${cursor === "" ? "" : `&cursor=${cursor}`}`);
      told.push(...items);
      cursor = next;
    }
    expect(told.map((one) => one.action)).toEqual(actions.toReversed());
    expect(told[0]).toMatchObject({ details: { action: actions.at(-1) }, at: expect.stringMatching(/Z$/) as unknown });
  });

  it("by action, by what it is about, and by run", async () => {
    const [created] = (await page("action=environment.created")).items;
    expect(created?.action).toBe("environment.created");
    expect((await page(`entity=${created?.entityId}`)).items).toEqual([created]);
    expect((await page(`entity=${created?.entityId}&action=environment.deleted`)).items).toEqual([]);
    expect((await page(`run=${run}`)).items.map((one) => one.action).toSorted()).toEqual(actions.filter((action) => action.includes("lease_")).toSorted());
    const listed: string[] = [];
    for await (const one of server.client().activity.list({ run, action: "environment.lease_released", pageSize: 1 })) listed.push(one.action);
    expect(listed).toEqual(["environment.lease_released"]);
  });

  it("I12: of another company's there is nothing", async () => {
    expect((await page("", server.other.operator)).items).toEqual([]);
    expect((await page(`run=${run}`, server.other.producer)).items).toEqual([]);
  });

  it.each(["action=made", "entity=x", "run=x", "who=me", "cursor=!"])("refuses ?%s and names the field", async (query) => {
    const problem = (await page(query)) as unknown as Problem;
    expect(problem).toMatchObject({ status: 422, errors: [{ field: `query.${query.split("=")[0]}` }] });
  });
});
