/** How this process was told to stop. */
export interface Told {
  /** Settles at the first SIGTERM or SIGINT, or when the process that started us over IPC is gone. */
  readonly first: Promise<string>;
  /** Settles at the second signal. */
  readonly second: Promise<string>;
  /** Stops listening, and lets go of the channel to whoever started us, which would keep this process alive. */
  done(): void;
}

/** Listens for being told to stop, from now on. */
export function untilTold(): Told {
  const resolvers: ((why: string) => void)[] = [];
  const nth = () => new Promise<string>((resolve) => resolvers.push(resolve));
  const first = nth();
  const second = nth();
  const hear = (why: string): void => resolvers.shift()?.(why);
  const orphaned = (): void => hear("parent gone");
  process.on("SIGTERM", hear);
  process.on("SIGINT", hear);
  // The parent's death closes the channel: without it nobody would stop us.
  process.once("disconnect", orphaned);
  return {
    first,
    second,
    done: () => {
      process.off("SIGTERM", hear);
      process.off("SIGINT", hear);
      process.off("disconnect", orphaned);
      if (process.connected) process.disconnect();
    },
  };
}

/** Tells the process that started us that we are ready, with what it needs to know. */
export function sayReady(news: Record<string, unknown> = {}): void {
  process.send?.({ ready: true, ...news });
}
