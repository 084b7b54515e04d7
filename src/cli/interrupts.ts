/** What a person at the keyboard, or whoever supervises us, wants. */
export interface Interrupts extends Disposable {
  /** Whether the end of what we wait for was asked for. */
  readonly asked: boolean;
  /** Called when that happens; at once if it has happened. */
  onAsked(cancel: () => void): void;
  /** Fires when we are to go and leave it behind. */
  readonly left: AbortSignal;
  /** The signal that made us go. */
  readonly leftBy: "SIGINT" | "SIGHUP";
}

/** Ctrl-C (or SIGTERM) asks for the end, twice leaves at once. A terminal that is gone leaves, and the command goes on. */
export function listenForInterrupts(): Interrupts {
  const left = new AbortController();
  let asked = false;
  let leftBy: "SIGINT" | "SIGHUP" = "SIGINT";
  let cancel: (() => void) | null = null;
  const interrupt = (): void => {
    if (asked) {
      left.abort(new Error("interrupted twice"));
      return;
    }
    asked = true;
    cancel?.();
  };
  const hangUp = (): void => {
    leftBy = "SIGHUP";
    left.abort(new Error("the terminal is gone"));
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  process.on("SIGHUP", hangUp);
  return {
    get asked() {
      return asked;
    },
    get leftBy() {
      return leftBy;
    },
    left: left.signal,
    onAsked: (then) => {
      cancel = then;
      if (asked) then();
    },
    [Symbol.dispose]: () => {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
      process.off("SIGHUP", hangUp);
    },
  };
}
