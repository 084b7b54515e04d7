import { serve, type ServerType } from "@hono/node-server";
import { timing } from "../domain/defaults.ts";
import { refuseMalformed } from "./malformed.ts";

/**
 * How Node's server treats connections. Clients reuse a connection as long as they believe it is open: a server that gives it up
 * earlier than they do resets a request now and then. Who sends headers or a body byte by byte is given up.
 */
const serverOptions = { keepAliveTimeout: timing.keepAlive, headersTimeout: timing.requestArrives, requestTimeout: timing.requestArrives } as const;

/** Serves HTTP; settles when the port is open. Port 0 takes a free one. Rejects with Node's error when it cannot be had. */
export async function listen({ fetch }: { readonly fetch: Parameters<typeof serve>[0]["fetch"] }, hostname: string, port: number): Promise<ServerType> {
  const server = serve({ fetch, hostname, port, serverOptions });
  server.on("clientError", refuseMalformed);
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
  });
  return server;
}
