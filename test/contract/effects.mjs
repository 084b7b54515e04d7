// Counts what this process does to the world, and may act right before the n-th time: die, or call something off.
// An effect is a call that changes something outside: files, processes, connections. Reading is none: a death between two
// reads leaves the same world as a death before the next change.
import { ChildProcess } from "node:child_process";
import childProcess from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

let before = null;
let count = 0;

/** Counts from here on; calls `act` with the number of each effect, right before it. */
export function watchEffects(act) {
  before = act;
  count = 0;
}

/** How many there were since. */
export const effectsSeen = () => count;

function effect() {
  if (before === null) return;
  count += 1;
  before(count);
}

/** Replaces a function by one that counts; `counts` says of its arguments whether the call changes anything. */
function wrap(holder, name, counts = () => true) {
  const original = holder[name];
  if (typeof original !== "function") return;
  const wrapped = function (...args) {
    if (counts(...args)) effect();
    return Reflect.apply(original, this, args);
  };
  // util.promisify looks here.
  for (const symbol of Object.getOwnPropertySymbols(original)) wrapped[symbol] = original[symbol];
  holder[name] = wrapped;
}

const changing = ["appendFile", "chmod", "chown", "copyFile", "cp", "lchown", "link", "lutimes", "mkdir", "mkdtemp", "rename", "rm", "rmdir", "symlink", "truncate", "unlink", "utimes", "writeFile"];
const opensToWrite = (_path, flags) => typeof flags === "string" && flags !== "r";
for (const name of changing) {
  wrap(fs, name);
  wrap(fs, `${name}Sync`);
  wrap(fs.promises, name);
}
for (const name of ["write", "writev", "ftruncate", "fchmod", "fchown"]) {
  wrap(fs, name);
  wrap(fs, `${name}Sync`);
}
wrap(fs, "open", opensToWrite);
wrap(fs, "openSync", opensToWrite);
wrap(fs.promises, "open", opensToWrite);
wrap(fs, "createWriteStream");
const handle = await fs.promises.open("/dev/null");
for (const name of ["appendFile", "chmod", "chown", "truncate", "write", "writeFile", "writev"]) wrap(Object.getPrototypeOf(handle), name);
await handle.close();

wrap(ChildProcess.prototype, "spawn");
for (const name of ["spawnSync", "execFileSync", "execSync"]) wrap(childProcess, name);
wrap(process, "kill", (_pid, signal) => signal !== 0);
for (const name of ["connect", "write"]) wrap(net.Socket.prototype, name);

syncBuiltinESMExports();
