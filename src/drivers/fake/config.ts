import { z } from "zod";
import { secretField } from "../../domain/secret.ts";
import { faultPlan } from "./faults.ts";

/** An environment of the provider `fake`. Unknown keys are refused. */
export const fakeConfig = z.strictObject({
  provider: z.literal("fake"),
  /** Kept and shown; there is nothing to start from it. */
  image: z.string().min(1).max(500).default("ubuntu:24.04"),
  reuseLease: z.literal(false, "must be false: the provider fake offers no reuse").default(false),
  streamRunLogs: z.boolean().optional(),
  archiveOnRelease: z.boolean().optional(),
  /** `real`: processes in the sandbox's directory. `instant`: no process; each command has ended as soon as it is started. */
  commands: z.enum(["real", "instant"]).default("real"),
  /** How every command of an `instant` sandbox ends. */
  instant: z
    .strictObject({
      exitCode: z.number().int().min(0).max(255).default(0),
      stdout: z.string().max(64 * 1024).default(""),
      /** How long it counts as running before; without it, not at all. */
      seconds: z.number().positive().max(7 * 86_400).optional(),
    })
    .prefault({}),
  /** Token of the provider's account. See `log-in.ts` for which it takes. */
  apiToken: secretField().optional(),
  /** Further accounts, each with tokens of its own by purpose; all of them are brought along too. */
  accounts: z.array(z.strictObject({ name: z.string().min(1).max(100), tokens: z.record(z.string().max(100), secretField()) })).max(20).optional(),
  faults: faultPlan.default([]),
});
export type FakeConfig = z.output<typeof fakeConfig>;
