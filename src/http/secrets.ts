import { getCompany } from "../db/companies.ts";
import { getSecret, listSecretAccess, listSecrets, openLeasesWith, type Secret as SecretRow, setSecretStatus } from "../db/secrets.ts";
import { usesOf } from "../db/secret-uses.ts";
import { listSecretVersions } from "../db/secret-versions.ts";
import { createSecret } from "../secrets/create.ts";
import { removeSecret } from "../secrets/remove.ts";
import { newSecretRequest, newVersionRequest } from "../secrets/request.ts";
import { rotateSecret } from "../secrets/rotate.ts";
import { pageOf as pageSchema } from "../wire/page.ts";
import { type Secret, secret as secretSchema, secretAccess, secretStore, secretSummary } from "../wire/secret.ts";
import { z } from "zod";
import { flag, idPageQuery, pageOf, pageQuery } from "./input.ts";
import { noteActivity } from "./note-activity.ts";
import type { ApiParts } from "./parts.ts";
import { presentSecret, presentSecretAccess } from "./present-secret.ts";
import { json, nameOf, type Route, route } from "./route.ts";

const tag = "Secrets";
const one = { id: nameOf("Id or name of the secret") };
const shown = (says: string) => json(secretSchema, says);

/** A company's secrets. What goes in as a value never comes out. */
export function secretRoutes(parts: ApiParts): Route[] {
  const { db, secrets } = parts;

  const whole = async (row: SecretRow): Promise<Secret> => {
    const [versions, uses, openLeases] = await Promise.all([listSecretVersions(db, row.id), usesOf(db, row.id), openLeasesWith(db, row.id)]);
    return { ...presentSecret(row), versions: versions.map(({ version, createdAt }) => ({ version, createdAt: createdAt.toISOString() })), uses, openLeases };
  };
  const note = (row: SecretRow, action: "secret.created" | "secret.rotated" | "secret.disabled" | "secret.enabled" | "secret.deleted"): Promise<void> =>
    noteActivity(parts, { companyId: row.companyId, action, entityType: "secret", entityId: row.id, details: { name: row.name, store: row.store, version: row.version } });

  return [
    route(
      { method: "POST", path: "/v1/secrets", tag, summary: "Keep a secret: its value, or where it is in a store outside", who: "company", body: { schema: newSecretRequest, root: "secret" }, answers: { 201: shown("It is kept") }, problems: [404, 409, 502] },
      async ({ c, companyId, body }) => {
        const made = await createSecret(secrets, companyId, body);
        await note(made, "secret.created");
        return c.json(await whole(made), 201, { location: `/v1/secrets/${made.id}` });
      },
    ),
    route({ method: "GET", path: "/v1/secrets", tag, summary: "List secrets, by name", who: "company", query: pageQuery, answers: { 200: json(pageSchema(secretSummary), "A page of secrets") } }, async ({ c, companyId, query: { limit, cursor } }) =>
      c.json(pageOf(await listSecrets(db, companyId, { limit: limit + 1, after: cursor }), limit, (row) => row.name, presentSecret)),
    ),
    route({ method: "GET", path: "/v1/secrets/:id", tag, summary: "Show a secret, who refers to it, and how many leases have it", who: "company", params: one, answers: { 200: shown("The secret") } }, async ({ c, companyId, params: { id } }) =>
      c.json(await whole(await getSecret(db, companyId, id))),
    ),
    route(
      { method: "POST", path: "/v1/secrets/:id/versions", tag, summary: "Give a secret a new value", description: "Leases that were given an older version keep it.", who: "company", params: one, body: { schema: newVersionRequest, root: "secret" }, answers: { 201: shown("It has a version more") }, problems: [409, 502] },
      async ({ c, companyId, params: { id }, body: { value } }) => {
        const rotated = await rotateSecret(secrets, companyId, id, value);
        await note(rotated, "secret.rotated");
        return c.json(await whole(rotated), 201);
      },
    ),
    ...(["disable", "enable"] as const).map((verb) =>
      route(
        {
          method: "POST",
          path: `/v1/secrets/:id/${verb}`,
          tag,
          summary: verb === "disable" ? "Refuse new uses of a secret" : "Allow uses of a secret again",
          ...(verb === "disable" ? { description: "`openLeases` says how many leases go on with it." } : {}),
          who: "company",
          params: one,
          answers: { 200: shown("The secret") },
        },
        async ({ c, companyId, params: { id } }) => {
          const found = await getSecret(db, companyId, id);
          const changed = await setSecretStatus(db, found.id, verb === "disable" ? "disabled" : "active");
          if (changed.status !== found.status) await note(changed, `secret.${verb}d`);
          return c.json(await whole(changed));
        },
      ),
    ),
    route(
      {
        method: "DELETE",
        path: "/v1/secrets/:id",
        tag,
        summary: "Delete a secret, its values at once",
        description: "Refused while environments refer to it, unless `force` says that they are to go without.",
        who: "company",
        params: one,
        query: { force: flag.optional() },
        answers: { 200: shown("As it was") },
        problems: [409],
      },
      async ({ c, companyId, params: { id }, query: { force = false } }) => {
        const found = await getSecret(db, companyId, id);
        const before = await whole(found);
        await removeSecret(db, companyId, found.id, { force });
        await note(found, "secret.deleted");
        return c.json({ ...before, status: "deleted" });
      },
    ),
    route(
      { method: "GET", path: "/v1/secrets/:id/accesses", tag, summary: "List who was given a secret, newest first", who: "company", params: one, query: idPageQuery, answers: { 200: json(pageSchema(secretAccess), "A page of accesses") } },
      async ({ c, companyId, params: { id }, query: { limit, cursor } }) => {
        const found = await getSecret(db, companyId, id);
        return c.json(pageOf(await listSecretAccess(db, found.id, { limit: limit + 1, before: cursor }), limit, (row) => row.id, presentSecretAccess));
      },
    ),
    route(
      { method: "GET", path: "/v1/secret-stores", tag, summary: "List the stores outside that the company may read", who: "company", answers: { 200: json(z.object({ items: z.array(secretStore) }), "The stores, with what the company may read there") } },
      async ({ c, companyId }) => c.json({ items: secrets.stores.of((await getCompany(db, companyId)).name) }),
    ),
  ];
}
