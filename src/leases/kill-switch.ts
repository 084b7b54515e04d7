import type { KillReason } from "../domain/outcome.ts";

/** Whether a command is to be ended, and why. The first reason stays, as in the row it mirrors. */
export class KillSwitch {
  #reason: KillReason | null = null;
  #settle: (reason: KillReason) => void = () => {};
  /** Settles when somebody asks. */
  readonly asked = new Promise<KillReason>((resolve) => {
    this.#settle = resolve;
  });

  get reason(): KillReason | null {
    return this.#reason;
  }

  ask(reason: KillReason): void {
    this.#reason ??= reason;
    this.#settle(this.#reason);
  }
}
