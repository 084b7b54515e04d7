import { readFile } from "node:fs/promises";
import { parse } from "../../domain/parse.ts";
import { countCall } from "./count.ts";
import { faultPlan, type Fault, type FaultPlan, type Faulty, faultOf } from "./faults.ts";
import { appear, createLate } from "./late.ts";
import { providerLayout } from "./layout.ts";
import { destroyed, directoryProvider, type Provider, type Sandbox } from "./provider.ts";
import { ProviderError } from "./provider-error.ts";

/** A provider that fails on command. */
export interface UnreliableProvider extends Provider {
  /** Does what the driver's verb does, or fails as the plan says. */
  verb<T>(verb: Faulty, act: () => Promise<T>): Promise<T>;
}

export interface Unreliability {
  readonly root: string;
  readonly plan: FaultPlan;
  /** The lease's key, for which calls are counted; null for calls about no lease. */
  readonly key: string | null;
  /** Ends a call that hangs. */
  readonly signal: AbortSignal;
}

/** The provider as a plan has it behave for one lease. Without a plan nothing is counted and nothing is looked up. */
export function unreliableProvider({ root, plan, key, signal }: Unreliability): UnreliableProvider {
  const real = directoryProvider(root);
  const at = providerLayout(root);

  const next = async (verb: Faulty): Promise<Fault | undefined> =>
    plan.some((fault) => fault.verb === verb) ? faultOf(plan, verb, await countCall(at.callsOf(key), verb)) : undefined;

  const vanish = async (): Promise<void> => {
    for (const sandbox of key === null ? [] : await real.list(key)) await destroyed(real.destroy(sandbox));
  };

  const suffer = async <T>(fault: Fault | undefined, act: () => Promise<T>): Promise<T> => {
    switch (fault?.fault) {
      case undefined:
      // These are more than failing; who is asked for them does them.
      case "create_late":
      case "duplicate":
      case "list_stale":
        return act();
      case "fail":
        throw failure(fault.kind);
      case "list_fails":
        throw new ProviderError("unavailable", "the provider could not list its sandboxes");
      case "hang":
        return hang(signal);
      case "lose_answer":
        await act();
        throw new ProviderError("no_answer", "the provider's answer was lost");
      case "vanish": {
        const answer = await act();
        await vanish();
        return answer;
      }
    }
  };

  /** A call of the provider: what was made late may appear at it. */
  const call = async <T>(verb: Faulty, act: (fault: Fault | undefined) => Promise<T>): Promise<T> => {
    if (plan.length === 0 && key !== null) return act(undefined);
    await appear(root, key);
    const fault = await next(verb);
    return suffer(fault, () => act(fault));
  };

  return {
    verb: async (verb, act) => suffer(await next(verb), act),
    create: (wanted) =>
      call("create", async (fault) => {
        if (fault?.fault === "create_late") {
          await createLate(root, wanted, fault);
          throw new ProviderError("no_answer", "the provider did not answer in time");
        }
        if (fault?.fault === "duplicate") await real.create(wanted);
        return real.create(wanted);
      }),
    get: (of, id) => call("get", () => real.get(of, id)),
    list: (of) => call("list", async (fault) => (fault?.fault === "list_stale" ? withoutNewest(await real.list(of)) : real.list(of))),
    destroy: (sandbox, takeAway) => call("destroy", () => real.destroy(sandbox, takeAway)),
    // Its faults are the verb's.
    extend: (of, id, expiresAt) => real.extend(of, id, expiresAt),
  };
}

/** The plan kept in a file; none when there is no file. Throws `invalid` for one that is none. */
export async function planIn(path: string): Promise<FaultPlan> {
  const text = await readFile(path, "utf8").catch(() => "[]");
  return parse(faultPlan, JSON.parse(text), "faults");
}

/** Ids are made in the order of time. */
function withoutNewest(found: readonly Sandbox[]): Sandbox[] {
  const newest = found.map((sandbox) => sandbox.id).toSorted().at(-1);
  return found.filter((sandbox) => sandbox.id !== newest);
}

function failure(kind: Extract<Fault, { fault: "fail" }>["kind"]): Error {
  switch (kind) {
    case "transient":
      return new ProviderError("unavailable", "the provider is out of order, as the plan wants it");
    case "busy":
      return new ProviderError("rate_limited", "the provider is full, as the plan wants it");
    case "refused":
      return new ProviderError("unauthorized", "the provider does not know us, as the plan wants it");
    case "gone":
      return new ProviderError("not_found", "the provider knows no such sandbox, as the plan wants it");
    case "invalid":
      return new ProviderError("bad_request", "the provider does not understand us, as the plan wants it");
    case "unknown":
      return new Error("something nobody thought of, as the plan wants it");
  }
}

/** Never answers. Rejects with the signal's reason. */
const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
