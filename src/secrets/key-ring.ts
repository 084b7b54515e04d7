import { stat } from "node:fs/promises";
import { refused, transient } from "../domain/errors.ts";
import { type FileState, readKeyFile, stateOf } from "./key-file.ts";
import type { MasterKey } from "./seal.ts";

/** The master keys of this process, as its file has them now. */
export interface KeyRing {
  /** All of them, the one to seal with first. Throws `refused` when there is no file, or it is not fit. */
  keys(): Promise<readonly MasterKey[]>;
  /** The key of this id. Throws `transient` `master_key_missing`: it may be on its way to this machine. */
  find(id: string): Promise<MasterKey>;
}

/**
 * The keys of a file. It is looked at each time, and read when it is another one than before; so a key that is added to it is known
 * at once in every process. While it cannot be read, or makes no sense, what was read last holds.
 */
export function keyRing(path: string | undefined, onError: (error: unknown) => void = () => {}): KeyRing {
  let known: { readonly keys: readonly MasterKey[]; readonly state: FileState } | undefined;

  const keys = async (): Promise<readonly MasterKey[]> => {
    if (path === undefined) throw refused("master_key_unconfigured", "this process has no master key, so it can neither keep a secret nor read one; set LEASEHOLD_MASTER_KEY_FILE");
    const state = await stat(path).then(stateOf, () => undefined);
    if (known !== undefined && state === known.state) return known.keys;
    try {
      known = await readKeyFile(path);
    } catch (error) {
      if (known === undefined) throw error;
      onError(error);
    }
    return known.keys;
  };

  return {
    keys,
    async find(id) {
      const found = (await keys()).find((key) => key.id === id);
      if (found !== undefined) return found;
      throw transient("master_key_missing", `a value is sealed under master key ${id}, which is not in this process's file of master keys; put it back there`);
    },
  };
}
