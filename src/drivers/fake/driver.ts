import { mkdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { timing } from "../../domain/defaults.ts";
import { gone, refused } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import type { CallContext, Driver, Inventory, Listed } from "../driver.ts";
import { listedThere, rootIdentity } from "../host-directory/endpoint.ts";
import { isThere } from "../host-directory/is-there.ts";
import { placesIn, stagesIn, trashIn } from "../host-directory/places.ts";
import { discardReleased, leaveTombstone } from "../host-directory/trash.ts";
import { acquireSandbox } from "./acquire.ts";
import type { Commands } from "./commands.ts";
import { type FakeConfig, fakeConfig } from "./config.ts";
import { translate } from "./errors.ts";
import { type Account, logIn } from "./log-in.ts";
import type { FaultPlan, Faulty } from "./faults.ts";
import { readHandle } from "./handle.ts";
import { endInhabitants } from "./inhabitants.ts";
import { instantCommands } from "./instant.ts";
import { providerLayout } from "./layout.ts";
import type { LeaseCalls } from "./lease-calls.ts";
import { checkOurs, fromLabels, providerLeaseId } from "./ours.ts";
import { probeFake } from "./probe.ts";
import { destroyed, type Sandbox } from "./provider.ts";
import { isNotFound } from "./provider-error.ts";
import { realCommands } from "./real.ts";
import { releaseSandboxes } from "./release.ts";
import { tidy } from "./tidy.ts";
import { planIn, unreliableProvider, type UnreliableProvider } from "./unreliable.ts";

/** For what is done to a sandbox without running anything in it. */
const noCommands = { instant: { exitCode: 0, stdout: "" } };

export interface FakePlace {
  /** Directory that is the provider's whole state; made if it is not there. One file system. */
  readonly root: string;
  readonly installation: string;
  /** PATH of the commands. */
  readonly path: string;
}

/**
 * Leases at a provider that fails on command. Two layers, as with a real one: the provider, which is a directory and
 * promises little, and this driver over it, which keeps the contract.
 */
export function fakeDriver({ root: given, installation, path }: FakePlace): Driver {
  const root = resolve(given);
  const at = providerLayout(root);
  for (const directory of [root, at.sandboxes, stagesIn(root), trashIn(root)]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const tidyNow = tidy(root);
  const identity = rootIdentity("fake", root);

  const commands = (config: Pick<FakeConfig, "instant">) => (of: Sandbox["commands"]): Commands => (of === "real" ? realCommands(path) : instantCommands(path, config.instant));

  /** Carries a verb out as the plan wants it, and translates what it throws. */
  const attempt = async <T>(verb: Faulty, context: Pick<CallContext, "signal">, plan: FaultPlan, key: string | null, act: (provider: UnreliableProvider) => Promise<T>, enter = async (): Promise<void> => {}): Promise<T> => {
    try {
      await enter();
      const provider = unreliableProvider({ root, plan, key, signal: context.signal });
      return await provider.verb(verb, () => act(provider));
    } catch (error) {
      throw translate(error, context.signal);
    }
  };

  /** How a call about an environment begins. */
  const entering = (context: Pick<CallContext, "reveal">, account: Account) => () => logIn(root, account, context.reveal);

  const leaseCalls = (context: CallContext, key: string, provider: UnreliableProvider, config: Pick<FakeConfig, "instant">): LeaseCalls => ({
    key,
    fence: context.fence,
    provider,
    commands: commands(config),
    wasReleased: () => isThere(at.tombstone(key)),
    noteReleased: async () => void (await leaveTombstone(at.tombstone(key))),
    log: context.log,
  });

  /** Throws `gone` when it is not there, `refused` when it is not ours. */
  const open = async (provider: UnreliableProvider, key: string, id: string): Promise<Sandbox> => {
    const sandbox = await provider.get(key, id);
    if (sandbox === null) throw gone("sandbox_gone", `there is no sandbox ${id} any more`);
    checkOurs([sandbox], { installation });
    return sandbox;
  };

  async function* list(context: Pick<CallContext, "signal">): AsyncIterable<Listed> {
    const plan = await planIn(at.sharedPlan);
    for (const sandbox of await attempt("inventory", context, plan, null, (provider) => provider.list())) {
      const labels = fromLabels(sandbox);
      if (labels.installation !== installation) continue;
      // How commands end there makes no difference to its fence.
      const fence = await commands(noCommands)(sandbox.commands).seenFence(sandbox.directory);
      yield { key: sandbox.key, labels, createdAt: sandbox.createdAt, providerLeaseId: providerLeaseId(sandbox), fence };
    }
  }

  const discard: Inventory["discard"] = async (context, { key, providerLeaseId: wanted }) => {
    await attempt("discard", context, await planIn(at.planOf(key)), key, async (provider) => {
      const found = (await provider.list(key)).filter((sandbox) => providerLeaseId(sandbox) === wanted);
      checkOurs(found, { installation });
      for (const one of found) await destroyed(provider.destroy(one, commands(noCommands)(one.commands).takeAway(context.fence)));
    });
  };

  return {
    kind: "sandbox",
    provider: "fake",
    // Of this machine: what runs in a sandbox, and the locks that its fence is compared under, are.
    facts: { isolation: "none", placement: "host", fencing: "enforced", maxTtlMs: null, callTimeoutMs: timing.callFake },
    config: fakeConfig,

    inventory: {
      endpoint: () => identity.read(),
      list: (context) => listedThere(identity, list(context)),
      discard,
    },

    async probe(context, given) {
      const config = parse(fakeConfig, given, "config");
      return attempt("probe", context, config.faults, null, () => probeFake(root, config), entering(context, config));
    },

    async acquire(context, { key, config: given, labels, expiresAt }) {
      const config = parse(fakeConfig, given, "config");
      if (labels.installation !== installation) throw refused("installation_foreign", "the lease belongs to another installation than this driver works for");
      if (config.faults.length > 0) {
        // A release that knows the key only fails as planned too.
        await mkdir(at.plans, { recursive: true, mode: 0o700 });
        await writeFile(at.planOf(key), JSON.stringify(config.faults));
      }
      const acquire = (provider: UnreliableProvider) => acquireSandbox(leaseCalls(context, key, provider, config), { labels, expiresAt, commands: config.commands });
      const sandbox = await attempt("acquire", context, config.faults, key, acquire, entering(context, config));
      const cwd = placesIn(sandbox.directory).workspace;
      return {
        handle: { v: 1, sandboxId: sandbox.id, config },
        providerLeaseId: providerLeaseId(sandbox),
        target: { transport: "sandbox", cwd, shell: "/bin/sh" },
        metadata: { ...config, shellCommand: "sh", sandboxId: sandbox.id, remoteCwd: cwd, resumedLease: false },
      };
    },

    async inspect(context, { key, handle }) {
      const { config, sandboxId } = readHandle(handle);
      return attempt("inspect", context, config.faults, key, async (provider) => {
        const sandbox = await provider.get(key, sandboxId).catch((error: unknown) => {
          if (isNotFound(error)) return null;
          return "unknown" as const;
        });
        if (sandbox === "unknown") return sandbox;
        return sandbox !== null && sandbox.labels["installation"] === installation ? "up" : "gone";
      }, entering(context, config));
    },

    async extend(context, { key, handle }, expiresAt) {
      const { config, sandboxId } = readHandle(handle);
      return attempt("extend", context, config.faults, key, (provider) => provider.extend(key, sandboxId, expiresAt), entering(context, config));
    },

    async session(context, { key, handle }) {
      const { config, sandboxId } = readHandle(handle);
      return attempt("session", context, config.faults, key, async (provider) => {
        const sandbox = await open(provider, key, sandboxId);
        return commands(config)(sandbox.commands).session(sandbox.directory, context.fence);
      }, entering(context, config));
    },

    async release(context, { key, handle, config: given }) {
      const known = handle === null ? null : readHandle(handle);
      // What this version does not understand any more can still be given back where nothing has to be brought along.
      const account = known?.config ?? fakeConfig.safeParse(given).data ?? {};
      const plan = known?.config.faults ?? (await planIn(at.planOf(key)));
      await attempt("release", context, plan, key, (provider) =>
        releaseSandboxes(leaseCalls(context, key, provider, known?.config ?? noCommands), installation, known?.sandboxId ?? null),
        entering(context, account),
      );
      // What ran in one that was taken away by somebody who died over it ends as if its machine did.
      await discardReleased(root, key, (released) => endInhabitants(join(at.sandboxesOf(key), "?"), released));
      await tidyNow(context.log);
    },

    async close() {},
  };
}
