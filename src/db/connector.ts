import { Socket } from "node:net";

interface Address {
  readonly host: readonly string[];
  readonly port: readonly number[];
  /** Of a Unix socket. */
  readonly path?: string | false;
}

/**
 * Connects to the next of the given addresses, and gives the connection up when nothing came on it for `silenceMs` (up to two
 * thirds more), counted from when something was asked. Of a server that is stopped, or was cut off without a word, the system itself would say so only after a
 * quarter of an hour, and all that time nothing else could be asked on that connection. One that is idle is closed by this
 * too, and made again when it is wanted.
 */
export function connector(silenceMs: number): (address: Address) => Socket {
  let next = 0;
  return ({ host, port, path }) => {
    const socket = new Socket();
    let read = 0;
    let written = 0;
    let quiet = 0;
    let asked = false;
    // Not by the socket's own timeout: whoever encrypts on top of it takes all listeners away.
    const watch = setInterval(() => {
      const answered = socket.bytesRead !== read;
      // The first that is asked after a rest begins the wait for an answer; what is asked behind it does not prolong that.
      const first = !asked && socket.bytesWritten !== written;
      asked = answered ? false : asked || first;
      quiet = answered || first ? 0 : quiet + 1;
      read = socket.bytesRead;
      written = socket.bytesWritten;
      if (quiet >= 3) socket.destroy();
      if (socket.destroyed) clearInterval(watch);
    }, silenceMs / 3);
    watch.unref();
    if (path) return socket.connect(path);
    const at = next++ % host.length;
    // Under these names the driver looks for what to say in errors and to check of a certificate.
    const known = { host: host[at] ?? "localhost", port: port[at] ?? 5432 };
    return Object.assign(socket.connect(known.port, known.host), known);
  };
}
