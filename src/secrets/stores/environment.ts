import { notThere } from "./errors.ts";
import type { SecretStore } from "./store.ts";

/** Variables of the worker's own environment; the ones that are not the fleet's. */
export function environmentStore(name: string, variable: (name: string) => string | undefined): SecretStore {
  return {
    numbersVersions: false,
    read: async (reference) => {
      const ours = /^(LEASEHOLD_.*|DATABASE_URL|REDIS_URL)$/.test(reference.path);
      const value = ours ? undefined : variable(reference.path);
      if (value === undefined) throw notThere(name, reference);
      return value;
    },
  };
}
