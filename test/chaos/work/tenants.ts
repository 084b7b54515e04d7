import { randomUUID } from "node:crypto";
import { Leasehold } from "../../../src/client/index.ts";
import { createToken, ensureCompany } from "../../../src/db/companies.ts";
import { insertEnvironment, ensureLocalEnvironment } from "../../../src/db/environments.ts";
import { fakeConfig } from "../../../src/drivers/fake/config.ts";
import { bubblewrapConfig } from "../../../src/drivers/bubblewrap/config.ts";
import type { Fault } from "../../../src/drivers/fake/faults.ts";
import type { ChaosFleet } from "../fleet/fleet.ts";
import type { ChaosOptions } from "../options.ts";
import type { Random } from "../random.ts";

export interface Place {
  readonly id: string;
  readonly name: string;
  readonly kind: "local" | "fake" | "sandbox";
  readonly maxLeases: number | null;
  readonly faults: readonly Fault[];
}

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly client: Leasehold;
  readonly places: readonly Place[];
}

/** What goes wrong at the provider where it does: some of these, at one of the first calls. */
const faultsOf = (random: Random, late: boolean): Fault[] => {
  const call = (): number => random.between(1, 2);
  const choices: (() => Fault)[] = [
    () => ({ verb: random.pick(["acquire", "create", "get", "list", "session", "destroy", "release"]), call: call(), fault: "fail", kind: random.pick(["transient", "busy", "unknown"]) }),
    () => ({ verb: random.pick(["acquire", "create", "session", "destroy", "release"]), call: call(), fault: "lose_answer" }),
    () => ({ verb: random.pick(["acquire", "session"]), call: call(), fault: "vanish" }),
    () => ({ verb: random.pick(["acquire", "release"]), call: 1, fault: "hang" }),
    () => ({ verb: "list", call: call(), fault: random.pick(["list_fails", "list_stale"]) }),
    () => ({ verb: random.pick(["acquire", "create"]), call: 1, fault: "fail", kind: "refused" }),
    () => ({ verb: "release", call: 1, fault: "fail", kind: "refused" }),
    ...(late
      ? [
          (): Fault => ({ verb: "create", call: call(), fault: "duplicate" }),
          (): Fault => ({ verb: "create", call: call(), fault: "create_late", afterCalls: random.between(1, 12) }),
        ]
      : []),
  ];
  return Array.from({ length: random.between(1, 2) }, () => random.pick(choices)());
};

/** Companies, each with a token and environments of every kind. */
export async function makeTenants(fleet: ChaosFleet, options: ChaosOptions, random: Random, secret: string): Promise<Tenant[]> {
  const { db } = fleet.database;
  const tenants: Tenant[] = [];
  for (let i = 0; i < options.companies; i++) {
    const company = await ensureCompany(db, `company-${i + 1}`);
    const token = await createToken(db, company.id, "chaos", "operator");
    const places: Place[] = [];
    const fake = async (name: string, faults: readonly Fault[], maxLeases: number | null): Promise<void> => {
      const row = { name, description: null, driver: "sandbox" as const, backend: "sandbox-fake", config: fakeConfig.parse({ provider: "fake", faults }), envVars: { PLACE_SECRET: `${secret}-place-${randomUUID()}` }, maxLeases, metadata: {} };
      places.push({ id: (await insertEnvironment(db, company.id, row)).id, name, kind: "fake", maxLeases, faults });
    };
    const local = await ensureLocalEnvironment(db, company.id);
    places.push({ id: local.id, name: local.name, kind: "local", maxLeases: null, faults: [] });
    await fake("fake", [], null);
    if (options.storm === null) {
      await fake("narrow", [], random.between(1, 3));
      for (let n = 1; n <= 3; n++) await fake(`faulty-${n}`, faultsOf(random, options.late), null);
      if (options.sandboxes) {
        const row = { name: "box", description: null, driver: "sandbox" as const, backend: "sandbox-bubblewrap", config: bubblewrapConfig.parse({ provider: "bubblewrap" }), envVars: {}, maxLeases: 4, metadata: {} };
        places.push({ id: (await insertEnvironment(db, company.id, row)).id, name: "box", kind: "sandbox", maxLeases: 4, faults: [] });
      }
    }
    tenants.push({ id: company.id, name: company.name, token, client: new Leasehold({ url: fleet.url, token, patience: { request: 120_000, stream: 120_000 } }), places });
  }
  return tenants;
}
