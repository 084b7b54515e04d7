import { z } from "zod";
import { forgetKey, keyUse } from "../db/secret-keys.ts";
import { invalid } from "../domain/errors.ts";
import { type MasterKey, masterKey } from "../wire/secret.ts";
import type { ApiParts } from "./parts.ts";
import { json, nameOf, type Route, route } from "./route.ts";

const tag = "Secrets";
const who = { operators: "master keys are" };
const all = json(z.object({ items: z.array(masterKey) }), "The keys, newest first");

/** How far a rotation has got. Keys are of the whole fleet, so they are for operators; they themselves are in files, which no request reaches. */
export function masterKeyRoutes({ db }: ApiParts): Route[] {
  const keys = async (): Promise<{ items: MasterKey[] }> => {
    const used = await keyUse(db);
    return { items: used.map(({ id, values, createdAt }, i) => ({ id, newest: i === 0, values, createdAt: createdAt.toISOString() })) };
  };
  return [
    route({ method: "GET", path: "/v1/master-keys", tag, summary: "List master keys, and how many values are sealed under each", who, answers: { 200: all } }, async ({ c }) => c.json(await keys())),
    route(
      { method: "DELETE", path: "/v1/master-keys/:id", tag, summary: "Forget a master key under which nothing is sealed any more", who, params: { id: nameOf("The key's id") }, answers: { 200: all }, problems: [409] },
      async ({ c, params: { id } }) => {
        const before = await keys();
        const found = before.items.find((key) => key.id === id);
        if (found === undefined) throw invalid("master_key_not_found", `no master key ${id.slice(0, 100)} is in use here`, { status: 404 });
        if (!(await forgetKey(db, id))) {
          throw invalid("master_key_in_use", found.newest ? `${id} is the newest master key` : `values are sealed under ${id} still; a reaper that has it and the newest one seals them anew`, { status: 409 });
        }
        return c.json(await keys());
      },
    ),
  ];
}
