import { posix } from "node:path";
import { z } from "zod";
import { sandbox } from "../../domain/defaults.ts";
import { seen } from "./layout.ts";

const path = z
  .string()
  .max(4096)
  .refine((text) => text.startsWith("/") && posix.normalize(text) === text && text.length > 1 && !text.endsWith("/"), "must be an absolute path without . or .. or a slash at its end")
  .refine((text) => !text.includes("\0"), "contains a NUL character; remove it");

/** What the sandbox makes itself; nothing else may lie on it, in it or around it. */
const taken = ["/proc", "/dev", "/etc", seen.workspace, seen.home, seen.tmp];
const near = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
const free = path.refine((target) => !taken.some((own) => near(target, own)), `must be outside ${taken.join(", ")}, which the sandbox has of its own`);

/** Read-only: a file or directory of the host, in the sandbox under the same path unless another is given. */
const bind = z.strictObject({ source: path, target: free.optional() }).refine((b) => b.target !== undefined || free.safeParse(b.source).success, {
  message: `needs a target outside ${taken.join(", ")}, which the sandbox has of its own`,
  path: ["target"],
});

const whole = (min: number, max: number, fallback: number) => z.number().int().min(min).max(max).default(fallback);

/** An environment of the provider `bubblewrap`. Unknown keys are refused. */
export const bubblewrapConfig = z.strictObject({
  provider: z.literal("bubblewrap"),
  /** `host`: the host's own network, loopback included. */
  network: z.enum(["none", "host"]).default("none"),
  binds: z.array(bind).max(64).default([]),
  /** PATH of the commands. */
  path: z.string().max(4096).regex(/^\/[^\0]*$/, "must be absolute directories, separated by colons").default("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
  limits: z
    .strictObject({
      /** Bytes of memory: of the whole lease where control groups are to be had, else of each process. */
      memoryBytes: whole(16 * 1024 * 1024, 2 ** 50, sandbox.memoryBytes),
      /** Processes and threads at once. */
      processes: whole(8, 1_000_000, sandbox.processes),
      /** Bytes of one file. */
      fileBytes: whole(1, 2 ** 50, sandbox.fileBytes),
      /** Open files of one process. */
      openFiles: whole(16, 1_000_000, sandbox.openFiles),
      /** Seconds of cpu time of one process. */
      cpuSeconds: whole(1, 2 ** 31, sandbox.cpuSeconds),
      /** Seconds that a command may run at most, whatever its own timeout. */
      wallSeconds: whole(1, 2 ** 31, sandbox.wallSeconds),
    })
    .prefault({}),
});
export type BubblewrapConfig = z.output<typeof bubblewrapConfig>;
export type Limits = BubblewrapConfig["limits"];
