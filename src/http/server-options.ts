import { timing } from "../domain/defaults.ts";

/**
 * How Node's server treats connections. Clients reuse a connection as long as they believe it is open: a server that gives it up
 * earlier than they do resets a request now and then. Who sends headers or a body byte by byte is given up.
 */
export const serverOptions = { keepAliveTimeout: timing.keepAlive, headersTimeout: timing.requestArrives, requestTimeout: timing.requestArrives } as const;
