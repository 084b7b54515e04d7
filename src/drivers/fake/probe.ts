import { access, constants } from "node:fs/promises";
import type { Diagnostic, ProbeResult } from "../driver.ts";
import type { FakeConfig } from "./config.ts";
import { providerLayout } from "./layout.ts";

/** Looks whether the provider's directory can be used. Changes nothing. */
export async function probeFake(root: string, config: FakeConfig): Promise<ProbeResult> {
  const directory = await probeDirectory(root);
  const plan: Diagnostic = {
    check: "faults",
    ok: true,
    message: config.faults.length === 0 ? "nothing is planned to fail" : `${config.faults.length} faults are planned`,
  };
  const summary = directory.ok ? `the fake provider can be used; ${plan.message}` : directory.message;
  return { ok: directory.ok, summary, diagnostics: [directory, plan] };
}

async function probeDirectory(root: string): Promise<Diagnostic> {
  const path = providerLayout(root).sandboxes;
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return { check: "directory", ok: true, message: `${path} can be written to` };
  } catch {
    return { check: "directory", ok: false, message: `${path} is not there or cannot be written to`, remedy: "give this user write permission there, or set LEASEHOLD_FAKE_PROVIDER to another directory" };
  }
}
