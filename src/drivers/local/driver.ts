import { resolve } from "node:path";
import { timing } from "../../domain/defaults.ts";
import { parse } from "../../domain/parse.ts";
import { directoryLeases } from "../host-directory/leases.ts";
import { placesIn } from "../host-directory/places.ts";
import { hostSession, searchPath } from "../host-directory/session.ts";
import type { Driver } from "../driver.ts";
import { localConfig } from "./config.ts";
import { checkHandle, newHandle } from "./handle.ts";
import { probeLocal } from "./probe.ts";
import { endStrays } from "./strays.ts";

export interface LocalPlace {
  /** Directory that holds the leases' directories; made if it is not there. One file system. */
  readonly root: string;
  /** Our installation's id, written into every lease's directory. */
  readonly installation: string;
  /** PATH of the commands; the system's usual directories when not given. */
  readonly path?: string;
}

/** Leases on this machine: a directory each, processes of this user, no isolation. */
export function localDriver(place: LocalPlace): Driver {
  const root = resolve(place.root);
  const leases = directoryLeases({ provider: "local", root, installation: place.installation, mode: 0o700 });

  return {
    kind: "local",
    provider: "local",
    facts: { isolation: "none", placement: "host", fencing: "enforced", maxTtlMs: null, callTimeoutMs: timing.call },
    config: localConfig,
    inventory: leases.inventory,

    async probe(_context, config) {
      parse(localConfig, config, "config");
      return probeLocal(root);
    },

    async acquire(context, request) {
      parse(localConfig, request.config, "config");
      const directory = await leases.acquire(context, request);
      return {
        handle: newHandle(),
        providerLeaseId: null,
        target: { transport: "local", cwd: placesIn(directory).workspace, shell: "/bin/sh" },
        metadata: {},
      };
    },

    async inspect(_context, { key, handle }) {
      checkHandle(handle);
      return leases.inspect(key);
    },

    async extend(_context, { handle }, expiresAt) {
      checkHandle(handle);
      return expiresAt;
    },

    async session(_context, { key, handle }) {
      checkHandle(handle);
      const { directory } = await leases.open(key);
      return hostSession(directory, { env: { PATH: place.path ?? searchPath } });
    },

    release: (context, resource) => leases.release(context, resource, endStrays),

    async close() {},
  };
}
