import { type Environment, type Host, Leasehold, LeaseholdRequestError } from "../../client/index.ts";
import { packageVersion } from "../version.ts";
import { type Check, type Finding, patience } from "./finding.ts";

/** So many are named; the rest is counted. */
const named = 5;

/** Where a fleet's API is, and what we may ask of it. */
export interface Address {
  readonly url: string;
  readonly token: string | undefined;
}

/** A fleet as its API tells of it. */
export function fleetChecks({ url, token }: Address): Check[] {
  const client = new Leasehold({ url, token: token ?? "none", patience: { request: 0 } });
  const signal = AbortSignal.timeout(patience);
  return [
    { subject: "API", remedy: "see that it runs there (`leasehold up`, or `leasehold api`), and LEASEHOLD_URL", look: () => api(url, signal) },
    ...(token === undefined
      ? [{ subject: "token", remedy: "", look: async () => [{ subject: "token", state: "fault", says: "there is none", remedy: "set LEASEHOLD_TOKEN; `leasehold token` makes one" } as const] }]
      : [{ subject: "workers", remedy: "see the API's log", look: () => unlessUnreachable(() => workers(client, signal)) }]),
  ];
}

async function api(url: string, signal: AbortSignal): Promise<Finding[]> {
  const subject = "API";
  const ready = await fetch(new URL("/readyz", url), { signal });
  const said = (await ready.json().catch(() => ({}))) as { errors?: readonly { field: string; message: string }[] };
  const document = (await (await fetch(new URL("/openapi.json", url), { signal })).json().catch(() => ({}))) as { info?: { version?: string } };
  const version = document.info?.version;
  if (version === undefined) return [{ subject, state: "fault", says: `what answers at ${url} is no API of Leasehold`, remedy: "check LEASEHOLD_URL" }];
  return [
    { subject, state: "fine", says: `${url}, version ${version}` },
    ...(version === packageVersion() ? [] : [{ subject: "version", state: "warning", says: `this program is ${packageVersion()}, the API ${version}`, remedy: "update the older one" } as const]),
    ...(said.errors ?? []).map(({ field, message }): Finding => ({ subject: field, state: "fault", says: message, remedy: "the API waits for it; look at its server and its log" })),
  ];
}

/** One that cannot be reached is told of once. */
async function unlessUnreachable(look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof LeaseholdRequestError && (error.status === 0 || error.status === 503)) return [];
    throw error;
  }
}

async function workers(client: Leasehold, signal: AbortSignal): Promise<Finding[]> {
  let environments: Environment[];
  try {
    environments = await all(client.environments.list({ status: "active", signal }));
  } catch (error) {
    if (!(error instanceof LeaseholdRequestError) || error.status !== 401) throw error;
    return [{ subject: "token", state: "fault", says: "the API does not know it", remedy: "set LEASEHOLD_TOKEN to one that `leasehold token` made, and that was not revoked" }];
  }
  return [{ subject: "token", state: "fine", says: "the API takes it" }, ...(await forOperators(() => hosts(client, environments, signal))), ...(await stuck(client, signal)), ...(await forOperators(() => held(client, signal)))];
}

/** What only operators may see is left out for others. */
async function forOperators(look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof LeaseholdRequestError && error.status === 403) return [];
    throw error;
  }
}

async function hosts(client: Leasehold, environments: readonly Environment[], signal: AbortSignal): Promise<Finding[]> {
  const known: Host[] = await all(client.hosts.list({ signal }));
  const served = new Set(known.filter(({ state }) => state === "alive").flatMap(({ backends }) => backends));
  const found: Finding[] = [];
  for (const backend of new Set(environments.map((one) => one.backend))) {
    if (served.has(backend)) continue;
    const waiting = environments.filter((one) => one.backend === backend).map(({ name }) => name);
    found.push({ subject: "workers", state: "fault", says: `nobody serves ${backend}: runs in ${list(waiting)} wait`, remedy: `leasehold worker --backends ${backend}` });
  }
  for (const { name, state, stuckLeases } of known) {
    if (state === "silent" && stuckLeases > 0) found.push({ subject: "hosts", state: "fault", says: `${name} is silent, and ${stuckLeases} leases can be cleaned up only there`, remedy: "start its workers again, or forget the leases: leasehold lease forget" });
    if (state === "draining") found.push({ subject: "hosts", state: "warning", says: `${name} drains: it is given nothing new`, remedy: `leasehold host drain --undo ${name}, when it is to work again` });
  }
  return found.length > 0 ? found : [{ subject: "workers", state: "fine", says: `${[...served].toSorted().join(", ")} are served` }];
}

async function stuck(client: Leasehold, signal: AbortSignal): Promise<Finding[]> {
  const leases = await all(client.leases.list({ state: "stuck", signal }));
  if (leases.length === 0) return [];
  return [{ subject: "leases", state: "warning", says: `${leases.length} could not be given back: ${list(leases.map(({ id }) => id))}`, remedy: "leasehold lease show ID says why; then leasehold lease retry or forget" }];
}

async function held(client: Leasehold, signal: AbortSignal): Promise<Finding[]> {
  const { held: why, endpoints } = await client.reconcile.get({ signal });
  return [
    ...(why === null ? [] : [{ subject: "reconcile", state: "fault", says: `is held back: ${why.why}`, remedy: "leasehold reconcile show, then leasehold reconcile confirm" } as const]),
    ...endpoints.flatMap(({ endpoint, failure }) => (failure === null ? [] : [{ subject: "reconcile", state: "warning", says: `${endpoint} could not be listed: ${failure}`, remedy: "leasehold reconcile run looks again" } as const])),
  ];
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const list = (names: readonly string[]): string => names.slice(0, named).join(", ") + (names.length > named ? ` and ${names.length - named} more` : "");
