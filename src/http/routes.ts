import { activityRoutes } from "./activity.ts";
import { companyRoutes } from "./companies.ts";
import { defaultEnvironmentRoutes } from "./default-environment.ts";
import { environmentChangeRoutes } from "./environment-changes.ts";
import { environmentProbeRoutes } from "./environment-probes.ts";
import { environmentRoutes } from "./environments.ts";
import { executionRoutes } from "./executions.ts";
import { healthRoutes } from "./health.ts";
import { hostRoutes } from "./hosts.ts";
import { leaseMendingRoutes } from "./lease-mending.ts";
import { leaseRoutes } from "./leases.ts";
import { masterKeyRoutes } from "./master-keys.ts";
import type { ApiParts } from "./parts.ts";
import { reconcileRoutes } from "./reconcile.ts";
import type { Route } from "./route.ts";
import { runStreamRoutes } from "./run-streams.ts";
import { runRoutes } from "./runs.ts";
import { secretRoutes } from "./secrets.ts";
import { tokenRoutes } from "./tokens.ts";

/** Every route that the document describes, in its order. Of those that fit one path the fixed one comes first. */
const inOrder = [
  runRoutes,
  runStreamRoutes,
  leaseRoutes,
  leaseMendingRoutes,
  executionRoutes,
  environmentProbeRoutes,
  environmentRoutes,
  environmentChangeRoutes,
  defaultEnvironmentRoutes,
  activityRoutes,
  companyRoutes,
  tokenRoutes,
  hostRoutes,
  secretRoutes,
  masterKeyRoutes,
  reconcileRoutes,
  healthRoutes,
];

export const allRoutes = (parts: ApiParts): readonly Route[] => inOrder.flatMap((routes) => routes(parts));
