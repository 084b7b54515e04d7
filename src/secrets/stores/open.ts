import { invalid } from "../../domain/errors.ts";
import type { SecretRef, StoreReference } from "../../domain/secret.ts";
import { awsStore } from "./aws.ts";
import { environmentStore } from "./environment.ts";
import { fileStore } from "./file.ts";
import { isGranted } from "./grants.ts";
import type { StoreSettings } from "./settings.ts";
import type { SecretStore } from "./store.ts";
import { vaultStore } from "./vault.ts";

/** The stores outside that the operator has set up for this process. */
export interface SecretStores {
  /** Those of which a company may read something, and what. */
  of(company: string): readonly { readonly name: string; readonly type: StoreSettings["type"]; readonly paths: readonly string[] }[];
  /** Throws `invalid` (404) unless a company may read that path there; what it may not looks like what is not there. */
  check(company: string, store: string, reference: StoreReference): void;
  /** Throws `invalid` when versions of that store have no numbers. */
  checkVersion(store: string, version: SecretRef["version"]): void;
  /** The value that is there now, for a company that may read it. Throws as `SecretStore.read` does. */
  read(company: string, store: string, reference: StoreReference, version: SecretRef["version"], signal: AbortSignal): Promise<string>;
}

export function openStores(settings: Readonly<Record<string, StoreSettings>>, variable: (name: string) => string | undefined): SecretStores {
  const stores = new Map<string, { settings: StoreSettings; open: (company: string) => SecretStore }>();
  for (const [name, one] of Object.entries(settings)) stores.set(name, { settings: one, open: opener(name, one, variable) });

  const get = (company: string, store: string, reference: StoreReference) => {
    const found = stores.get(store);
    if (found === undefined || !isGranted(found.settings.grants, company, reference.path)) {
      throw invalid("secret_path_not_found", `there is no store ${store.slice(0, 40)} with a path ${reference.path} that this company may read; the operator grants paths`, { status: 404 });
    }
    return found;
  };
  return {
    of: (company) =>
      [...stores].flatMap(([name, { settings: { type, grants } }]) => {
        const paths = Object.hasOwn(grants, company) ? (grants[company] ?? []) : [];
        return paths.length === 0 ? [] : [{ name, type, paths }];
      }),
    check: (company, store, reference) => void get(company, store, reference),
    checkVersion: (store, version) => {
      const found = stores.get(store);
      if (version === "latest" || found === undefined || found.open("").numbersVersions) return;
      throw invalid("secret_version_unsupported", `versions in store ${store} have no numbers; refer to the latest`);
    },
    read: (company, store, reference, version, signal) => get(company, store, reference).open(company).read(reference, version, signal),
  };
}

/** Opens a store once; only the one of files has to know for whom it is asked. */
function opener(name: string, settings: StoreSettings, variable: (name: string) => string | undefined): (company: string) => SecretStore {
  switch (settings.type) {
    case "file":
      return (company) => fileStore(name, settings.directory, (path) => isGranted(settings.grants, company, path));
    case "env": {
      const store = environmentStore(name, variable);
      return () => store;
    }
    case "vault": {
      const store = vaultStore(name, settings);
      return () => store;
    }
    case "aws": {
      const store = awsStore(name, settings);
      return () => store;
    }
  }
}
