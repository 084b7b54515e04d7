import { companyRoutes } from "./companies.ts";
import { defaultEnvironmentRoutes } from "./default-environment.ts";
import { environmentProbeRoutes } from "./environment-probes.ts";
import { environmentRoutes } from "./environments.ts";
import { executionRoutes } from "./executions.ts";
import { healthRoutes } from "./health.ts";
import { hostRoutes } from "./hosts.ts";
import { leaseRoutes } from "./leases.ts";
import { masterKeyRoutes } from "./master-keys.ts";
import type { ApiParts } from "./parts.ts";
import { reconcileRoutes } from "./reconcile.ts";
import type { Route } from "./route.ts";
import { runStreamRoutes } from "./run-streams.ts";
import { runRoutes } from "./runs.ts";
import { secretRoutes } from "./secrets.ts";

/** Every route that the document describes, in its order. */
export const allRoutes = (parts: ApiParts): readonly Route[] =>
  [runRoutes, runStreamRoutes, leaseRoutes, executionRoutes, environmentProbeRoutes, environmentRoutes, defaultEnvironmentRoutes, companyRoutes, hostRoutes, secretRoutes, masterKeyRoutes, reconcileRoutes, healthRoutes].flatMap((routes) => routes(parts));
