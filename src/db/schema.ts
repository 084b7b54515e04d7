/** The whole data model. Why each table is as it is: `docs/leases.md` and `docs/runs.md`. */
export * from "./schema/tenancy.ts";
export * from "./schema/leases.ts";
export * from "./schema/runs.ts";
export * from "./schema/executions.ts";
export * from "./schema/workers.ts";
export * from "./schema/hosts.ts";
export * from "./schema/reconcile.ts";
export * from "./schema/secrets.ts";
