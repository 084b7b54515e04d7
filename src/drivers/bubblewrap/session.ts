import { LeaseholdError } from "../../domain/errors.ts";
import { hostSession } from "../host-directory/session.ts";
import type { Session } from "../../session/session.ts";
import { sandboxArguments } from "./arguments.ts";
import type { BubblewrapConfig } from "./config.ts";
import { seen } from "./layout.ts";
import { grantable, limitArguments } from "./limits.ts";
import type { Bind } from "./reach.ts";

export interface Sandbox {
  readonly directory: string;
  readonly config: BubblewrapConfig;
  /** Of the host what a command sees beside the system; or why none is to be called any more. */
  readonly binds: readonly Required<Bind>[] | LeaseholdError;
  /** The bubblewrap program. */
  readonly program: string;
  /** The lease's own user; null where the sandbox runs as the worker's. */
  readonly user: number | null;
  /** Control groups to join; empty where there are none. */
  readonly groups: readonly string[];
}

/** Puts the shell that runs it into the control groups named before `--`, and becomes what stands behind. */
const joinGroups = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 126; shift; done; shift; exec "$@"';

/** Our helpers work outside, as on any host; each command gets a sandbox of its own over the lease's directories. */
export function bubblewrapSession(sandbox: Sandbox): Session {
  const { directory, config, binds, program, user, groups } = sandbox;
  return hostSession(directory, {
    env: { PATH: config.path },
    seen,
    enclosure: {
      owner: user,
      wallMs: config.limits.wallSeconds * 1000,
      wrap(argv) {
        if (binds instanceof LeaseholdError) throw binds;
        return [
          ...(groups.length === 0 ? [] : ["sh", "-c", joinGroups, "leasehold", ...groups, "--"]),
          ...asUser(user),
          program,
          ...sandboxArguments(directory, { ...config, binds }),
          ...limitArguments(grantable(config.limits), groups.length > 0),
          ...argv,
        ];
      },
    },
  });
}

/** The words that give up root for the lease's own user. */
export const asUser = (user: number | null): readonly string[] =>
  user === null ? [] : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--"];
