import { Companies } from "./companies.ts";
import { Environments } from "./environments.ts";
import { Executions } from "./executions.ts";
import { Hosts } from "./hosts.ts";
import { Leases } from "./leases.ts";
import { Reconcile } from "./reconcile.ts";
import type { PatienceTimes } from "./retry.ts";
import { Runs } from "./runs.ts";
import { Secrets } from "./secrets.ts";
import { openTransport } from "./transport.ts";

export interface LeaseholdOptions {
  /** Where the API is, like `http://127.0.0.1:8420`. */
  readonly url: string;
  /** Bearer token of a company. */
  readonly token: string;
  /** Used instead of the global `fetch`, for proxies and tests. */
  readonly fetch?: typeof fetch;
  readonly patience?: PatienceTimes;
}

/**
 * A client of one Leasehold API. Requests that may be repeated are, for half a minute unless `patience` says otherwise, when no answer comes or the
 * answer is "not now"; streams go on where they broke. Everything throws `LeaseholdRequestError`.
 */
export class Leasehold {
  readonly runs: Runs;
  readonly environments: Environments;
  readonly leases: Leases;
  readonly executions: Executions;
  readonly companies: Companies;
  readonly hosts: Hosts;
  readonly reconcile: Reconcile;
  readonly secrets: Secrets;

  constructor(options: LeaseholdOptions) {
    const transport = openTransport(options);
    this.companies = new Companies(transport);
    this.runs = new Runs(transport);
    this.environments = new Environments(transport);
    this.executions = new Executions(transport);
    this.hosts = new Hosts(transport);
    this.reconcile = new Reconcile(transport);
    this.secrets = new Secrets(transport);
    this.leases = new Leases(transport, this.executions);
  }
}
