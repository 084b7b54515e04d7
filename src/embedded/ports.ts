import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { readIfThere, writePrivate } from "./private-file.ts";

/**
 * Ports are taken from below the range that Linux hands to outgoing connections (32768 and up): otherwise a client's
 * connection could sit on our port while the server restarts, or a reconnecting client could connect to itself.
 */
const lowest = 20_000;
const beyond = 32_000;

/** Whether a server could listen on this loopback port now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/** The port kept in `path` when it is free, so that clients of an earlier server find the next one; else a new one, kept there. */
export async function keptOrFreePort(path: string): Promise<number> {
  const kept = await keptPort(path);
  if (kept !== undefined && (await isFree(kept))) return kept;
  for (;;) {
    const port = randomInt(lowest, beyond);
    if (port === kept || !(await isFree(port))) continue;
    await writePrivate(path, `${port}\n`);
    return port;
  }
}

/** The port kept in `path`. */
export async function keptPort(path: string): Promise<number | undefined> {
  const port = Number(await readIfThere(path));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}
