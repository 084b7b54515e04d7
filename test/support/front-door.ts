import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** What stands before APIs in a fleet: an address that stays, while who answers there changes. */
export interface FrontDoor extends AsyncDisposable {
  readonly url: string;
  /** New connections go to whoever listens at this URL; those that are open stay where they are. */
  leadTo(url: string): void;
}

export async function openFrontDoor(): Promise<FrontDoor> {
  let port = 0;
  const sockets = new Set<Socket>();
  const server = createServer((outside) => {
    const inside = connect(port, "127.0.0.1");
    for (const [one, other] of [[outside, inside], [inside, outside]] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (url) => {
      port = Number(new URL(url).port);
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
