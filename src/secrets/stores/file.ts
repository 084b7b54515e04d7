import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { limits } from "../../domain/defaults.ts";
import { LeaseholdError } from "../../domain/errors.ts";
import type { StoreReference } from "../../domain/secret.ts";
import { denied, fieldNotThere, notThere, unavailable } from "./errors.ts";
import type { SecretStore } from "./store.ts";

/**
 * Files below a directory of the worker's machine, one value each, as Kubernetes and Docker put them there. Links are followed as
 * long as they lead to what the same company may read: `allowed` is asked again about where they end.
 */
export function fileStore(name: string, directory: string, allowed: (path: string) => boolean): SecretStore {
  return {
    numbersVersions: false,
    read: async (reference) => {
      if (reference.key !== undefined) throw fieldNotThere(name, reference, reference.key);
      try {
        const root = await realpath(directory);
        const real = await realpath(join(root, reference.path));
        const inside = relative(root, real);
        if (inside === "" || inside === ".." || inside.startsWith("../") || !allowed(reference.path) || !leadsHome(reference.path, inside, allowed)) throw denied(name, reference);
        // No link is left in it; one that has come to be there since is not followed.
        const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          return await contentOf(name, reference, file);
        } finally {
          await file.close();
        }
      } catch (error) {
        throw translate(name, reference, error);
      }
    },
  };
}

/**
 * Whether a path that is really another one may be read all the same. Kubernetes has `name` lead to `..data/name`, and that to
 * a directory of its own, beside it: what lies in a hidden directory beside the path is its own.
 */
function leadsHome(path: string, real: string, allowed: (path: string) => boolean): boolean {
  const parts = real.split("/");
  const visible = parts.filter((part) => !part.startsWith("..")).join("/");
  return allowed(real) || (visible !== real && visible === path);
}

async function contentOf(name: string, reference: StoreReference, file: FileHandle): Promise<string> {
  const { size } = await file.stat().then((found) => (found.isFile() ? found : { size: -1 }));
  if (size === -1) throw notThere(name, reference);
  // One byte more than is good is enough for whoever checks the value to say so.
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, limits.secretValue) + 1), 0, undefined, 0);
  return buffer.toString("utf8", 0, bytesRead);
}

function translate(name: string, reference: StoreReference, error: unknown): unknown {
  if (error instanceof LeaseholdError) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENXIO":
    case "EISDIR":
      return notThere(name, reference, error);
    case "EACCES":
    case "EPERM":
    case "ELOOP":
      return denied(name, reference, error);
    default:
      return unavailable(name, (error as NodeJS.ErrnoException).code ?? "unknown error", error);
  }
}
