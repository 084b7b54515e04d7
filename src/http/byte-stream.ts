/** What a streaming response needs to know about its connection. */
export interface StreamOptions {
  /** Fires when nobody takes the bytes any more; whatever is behind `pieces` lets go. */
  readonly gone: AbortController;
  /** Sent when there was nothing else to send for `everyMs`. */
  readonly heartbeat?: { readonly bytes: Uint8Array; readonly everyMs: number };
}

/**
 * A response body from a generator that is asked for the next piece only when the connection has taken the last one. When
 * the generator fails the connection is broken, so that the reader does not take a part for the whole.
 */
export function byteStream(pieces: AsyncGenerator<Uint8Array>, { gone, heartbeat }: StreamOptions): ReadableStream<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => clearInterval(timer);
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (heartbeat === undefined) return;
        timer = setInterval(() => {
          // Only where the connection has taken everything: a slow reader is not a quiet stream.
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(heartbeat.bytes);
        }, heartbeat.everyMs);
      },
      async pull(controller) {
        try {
          const next = await pieces.next();
          if (gone.signal.aborted) return;
          if (next.done !== true) {
            timer?.refresh();
            controller.enqueue(next.value);
            return;
          }
          end();
          controller.close();
        } catch (error) {
          end();
          controller.error(error);
        }
      },
      async cancel() {
        end();
        gone.abort();
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}
