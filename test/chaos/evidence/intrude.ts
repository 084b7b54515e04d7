import type { Tenant } from "../work/tenants.ts";
import type { Evidence, ExecutionRow, LeaseRow, RunRow } from "./evidence.ts";

/** Asks for a sample of everything with another company's token. */
export async function intrude(url: string, tenants: readonly Tenant[], rows: { runs: readonly RunRow[]; leases: readonly LeaseRow[]; executions: readonly ExecutionRow[] }): Promise<Evidence["intrusions"]> {
  const wanted = (list: readonly { id: string; company: string }[], paths: (id: string) => [string, string][]): { company: string; method: string; path: string }[] =>
    sample(list, 12).flatMap(({ id, company }) => paths(id).map(([method, path]) => ({ company, method, path })));
  const requests = [
    ...wanted(rows.runs, (id) => [["GET", `/v1/runs/${id}`], ["GET", `/v1/runs/${id}/output`], ["GET", `/v1/runs/${id}/events`], ["POST", `/v1/runs/${id}/cancel`]]),
    ...wanted(rows.leases, (id) => [["GET", `/v1/leases/${id}`], ["POST", `/v1/leases/${id}/renew`], ["POST", `/v1/leases/${id}/release`], ["GET", `/v1/leases/${id}/executions`]]),
    ...wanted(rows.executions, (id) => [["GET", `/v1/executions/${id}`], ["GET", `/v1/executions/${id}/output`], ["GET", `/v1/executions/${id}/events`], ["POST", `/v1/executions/${id}/cancel`]]),
    ...wanted(tenants.flatMap((t) => t.places.map((p) => ({ id: p.id, company: t.id }))), (id) => [["GET", `/v1/environments/${id}`]]),
  ];
  const answers: { request: string; status: number; told: string | null }[] = [];
  for (const [i, { company, method, path }] of requests.entries()) {
    const others = tenants.filter((tenant) => tenant.id !== company);
    const intruder = others[i % others.length];
    if (intruder === undefined) continue;
    const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${intruder.token}` } });
    const text = response.status < 400 ? await response.text() : (await response.body?.cancel(), null);
    answers.push({ request: `${method} ${path} as ${intruder.name}`, status: response.status, told: text?.slice(0, 100) ?? null });
  }
  // Listings hold one's own only.
  for (const tenant of tenants) {
    for (const [name, list] of [["runs", tenant.client.runs.list()], ["leases", tenant.client.leases.list()]] as const) {
      const own = new Set((name === "runs" ? rows.runs : rows.leases).filter((row) => row.company === tenant.id).map((row) => row.id));
      for await (const { id } of list) if (!own.has(id)) answers.push({ request: `list of ${name} as ${tenant.name}`, status: 200, told: id });
      answers.push({ request: `list of ${name} as ${tenant.name}`, status: 404, told: null });
    }
  }
  return answers;
}

/** At most so many, spread over all. */
const sample = <T>(list: readonly T[], most: number): T[] => list.filter((_, i) => i % Math.max(1, Math.ceil(list.length / most)) === 0);
