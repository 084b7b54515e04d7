import type { AddressInfo } from "node:net";
import { openNotices } from "../../queues/notices.ts";
import { openProbes } from "../../queues/probes.ts";
import type { Base } from "../../src/app/base.ts";
import { Leasehold } from "../../src/client/index.ts";
import { createToken } from "../../src/db/companies.ts";
import { secretParts } from "./secrets.ts";
import { createApi } from "../../src/http/api.ts";
import { listen } from "../../src/http/listen.ts";
import { openReader } from "../../src/output/reader.ts";

/** The API beside the workers of a test, for one company. */
export interface ServedApi extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly client: Leasehold;
}

export async function serveApi({ base, companyId }: { readonly base: Base; readonly companyId: string }): Promise<ServedApi> {
  const notices = openNotices(base.redis, () => {});
  const probes = openProbes(base.redis, base.log);
  const api = createApi({
    db: base.database.db,
    bells: base.bells,
    notices,
    reader: openReader(base.database.db),
    probes,
    log: base.log,
    version: "0.0.0-test",
    requestsPerSecond: 0,
    who: "api test",
    checkConfig: (_backend, config) => config as Record<string, unknown>,
    secretFields: () => [],
    secrets: secretParts(base.database.db),
    boardQueues: async () => [],
    ready: async () => ({ ok: true, checks: { database: "ok" } }),
  });
  const server = await listen(api, "127.0.0.1", 0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const token = await createToken(base.database.db, companyId, "test", "producer");
  return {
    url,
    token,
    client: new Leasehold({ url, token }),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      if ("closeAllConnections" in server) server.closeAllConnections();
      await closed;
      notices.close();
      await probes.close();
    },
  };
}
