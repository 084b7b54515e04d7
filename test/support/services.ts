import type { TestProject } from "vitest/node";
import { startTestServices } from "../../src/embedded/test-services.ts";
import { makeTemplate } from "./database.ts";

declare module "vitest" {
  interface ProvidedContext {
    databaseUrl: string;
    /** A database with the schema of this version and no row, to be copied. */
    template: string;
    redisUrl: string;
  }
}

/** One private Postgres and one private Redis for the whole test run; each file takes a database and a prefix of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const services = await startTestServices();
  project.provide("databaseUrl", services.databaseUrl);
  project.provide("redisUrl", services.redisUrl);
  const template = await makeTemplate(services.databaseUrl);
  project.provide("template", template.name);
  return async () => {
    await template.drop();
    await services.stop();
  };
}
