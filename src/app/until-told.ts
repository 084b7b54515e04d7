/** How this process was told to stop. */
export interface Told {
  /** Settles at the first SIGTERM or SIGINT, or when the process that started us over IPC is gone. */
  readonly first: Promise<string>;
  /** Settles at the second signal. */
  readonly second: Promise<string>;
}

/** Listens for being told to stop, from now on. */
export function untilTold(): Told {
  const resolvers: ((why: string) => void)[] = [];
  const nth = () => new Promise<string>((resolve) => resolvers.push(resolve));
  const told = { first: nth(), second: nth() };
  const hear = (why: string): void => resolvers.shift()?.(why);
  process.on("SIGTERM", hear);
  process.on("SIGINT", hear);
  // The parent's death closes the channel: without it nobody would stop us.
  process.once("disconnect", () => hear("parent gone"));
  return told;
}

/** Tells the process that started us that we are ready, with what it needs to know. */
export function sayReady(news: Record<string, unknown> = {}): void {
  process.send?.({ ready: true, ...news });
}
