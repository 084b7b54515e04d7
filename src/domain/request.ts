import { z } from "zod";
import { limits, timing } from "./defaults.ts";
import { isSecretRef, orSecretRef } from "./secret.ts";

export type { ExecutionRequestInput, LeaseRequestInput, RunRequestInput } from "./request-input.ts";

const noNul = (text: string): boolean => !text.includes("\0") && text.isWellFormed();
const nulMessage = "contains a NUL character or half a surrogate pair, which no operating system can pass on; remove it";
const bytes = (text: string): number => Buffer.byteLength(text);

const argument = z
  .string()
  .refine(noNul, nulMessage)
  .refine((a) => bytes(a) <= limits.argument, `is longer than ${limits.argument} bytes, the most Linux takes in one argument; pass it on stdin or in a file`);

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is not a name a POSIX shell can export; use letters, digits and _, not starting with a digit")
  .refine((n) => !n.startsWith("LEASEHOLD_"), "starts with LEASEHOLD_, which is ours; choose another prefix");

/** Environment variables of a command: values, or references to secrets. */
export const environmentVariables = z
  .record(variableName, orSecretRef(argument))
  .refine((env) => Object.values(env).filter(isSecretRef).length <= limits.secretRefs, `refers to more than ${limits.secretRefs} secrets`);
export type EnvironmentVariables = z.output<typeof environmentVariables>;

const text = (max: number) => z.string().min(1).max(max).refine(noNul, nulMessage);

const workspaceSource = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  /** A directory of the worker's own host, copied in. Only where the worker's configuration allows it. */
  z.strictObject({
    kind: z.literal("host_path"),
    path: text(4096).refine((p) => p.startsWith("/"), "must be an absolute path of the worker's host"),
  }),
]);

/** What there is to say about a command, whoever asks for it. */
const command = {
  /** The program and its arguments; no shell in between. */
  command: z.array(argument).min(1, "names no program; give at least one argument").max(10_000),
  /** Directory to start in, inside the workspace. */
  cwd: text(4096).optional(),
  env: environmentVariables.default({}),
  /** Given to the command's standard input, then closed. Base64, so that any bytes may be given. */
  stdin: z.base64("must be base64").max(Math.ceil(limits.stdin / 3) * 4, `is larger than ${limits.stdin} bytes; put it into the workspace`).optional(),
  /** Milliseconds the command may run. */
  timeoutMs: z.number().int().min(1).max(timing.runTimeoutMax).default(timing.runTimeout),
  /** Bytes kept of each of stdout and stderr. */
  outputLimit: z.number().int().min(0).max(limits.outputMax).default(limits.output),
  /** Whether secrets that the command is given are replaced by `***` in its output. Left out when not, so that an older worker takes what asks for nothing new. */
  redactOutput: z
    .boolean()
    .optional()
    .transform((wanted) => (wanted === true ? wanted : undefined)),
};

/** Whether Linux takes arguments and variables together. What a reference stands for is counted when it is known. */
export const fitsLinux = (r: { command: readonly string[]; env: EnvironmentVariables }): boolean =>
  [...r.command, ...Object.entries(r.env).map(([k, v]) => `${k}=${isSecretRef(v) ? "" : v}`)].reduce((n, a) => n + bytes(a) + 1, 0) <= limits.argv;
const tooMuch = { path: ["env"], message: `together with the arguments is more than ${limits.argv} bytes, the most Linux takes; pass large values on stdin or in a file` };

/** Milliseconds to wait for an environment. */
const queueTimeoutMs = z.number().int().min(1).max(timing.runTimeoutMax).default(timing.queueWait);

/** Among a company's own: higher goes first. Left out when it is 0, so that an older worker takes what asks for nothing new. */
const priority = z
  .number()
  .int()
  .min(limits.priorityMin)
  .max(limits.priorityMax)
  .optional()
  .transform((n) => (n === 0 ? undefined : n));

/** What a producer asks for: one command in one environment. References instead of secrets. */
export const runRequest = z
  .strictObject({
    ...command,
    workspace: workspaceSource.default({ kind: "none" }),
    queueTimeoutMs,
    priority,
    /** The environment asked for at each level; the first given wins. */
    environment: z
      .strictObject({
        executionWorkspace: z.uuid().optional(),
        issue: z.uuid().optional(),
        project: z.uuid().optional(),
        agent: z.uuid().optional(),
      })
      .default({}),
    /** The producer's own ids, kept with the run and given back; no meaning to us. */
    producer: z
      .strictObject({
        runId: text(200).optional(),
        issueId: text(200).optional(),
        agentId: text(200).optional(),
        executionWorkspaceId: text(200).optional(),
      })
      .default({}),
  })
  .refine(fitsLinux, tooMuch);
export type RunRequest = z.infer<typeof runRequest>;

/** What is asked for with an ad-hoc lease. */
export const leaseRequest = z.strictObject({
  /** Name or id; without it the company's default, else its local one. */
  environment: text(200).optional(),
  queueTimeoutMs,
  priority,
  /** Milliseconds from `active` on after which no renewal helps. */
  maxLifeMs: z.number().int().min(1).max(timing.adHocLifeMax).default(timing.adHocLife),
});
export type LeaseRequest = z.infer<typeof leaseRequest>;

/** One command in an ad-hoc lease. */
export const executionRequest = z.strictObject(command).refine(fitsLinux, tooMuch);
export type ExecutionRequest = z.infer<typeof executionRequest>;

/** What a command is given that may be secret. Only who starts it needs it. */
export type CommandInput = Pick<ExecutionRequest, "env" | "stdin">;

export const idempotencyKey = text(200).regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");
