import { Activities } from "./activities.ts";
import { Companies } from "./companies.ts";
import { Environments } from "./environments.ts";
import { Executions } from "./executions.ts";
import { Hosts } from "./hosts.ts";
import { Leases } from "./leases.ts";
import { Reconcile } from "./reconcile.ts";
import { Runs } from "./runs.ts";
import { Secrets } from "./secrets.ts";
import { Tokens } from "./tokens.ts";
import { openTransport, type TransportOptions } from "./transport.ts";

/**
 * A client of one Leasehold API. Requests that may be repeated are, for half a minute unless `patience` says otherwise, when no answer comes or the
 * answer is "not now"; streams go on where they broke. Everything throws `LeaseholdRequestError`, or the reason of the signal that ended it.
 */
export class Leasehold {
  readonly runs: Runs;
  readonly environments: Environments;
  readonly leases: Leases;
  readonly executions: Executions;
  readonly companies: Companies;
  readonly tokens: Tokens;
  readonly activity: Activities;
  readonly hosts: Hosts;
  readonly reconcile: Reconcile;
  readonly secrets: Secrets;

  /** Throws TypeError for a URL or a token that can be none. */
  constructor(options: TransportOptions) {
    const transport = openTransport(options);
    this.companies = new Companies(transport);
    this.tokens = new Tokens(transport);
    this.activity = new Activities(transport);
    this.runs = new Runs(transport);
    this.environments = new Environments(transport);
    this.executions = new Executions(transport);
    this.hosts = new Hosts(transport);
    this.reconcile = new Reconcile(transport);
    this.secrets = new Secrets(transport);
    this.leases = new Leases(transport, this.executions);
  }
}
