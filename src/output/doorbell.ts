/** Lets one loop sleep until somebody rings. Rung between `arm` and `wait`, it is not missed. */
export class Doorbell {
  #rung = false;
  #wake: (() => void) | null = null;

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  arm(): void {
    this.#rung = false;
  }

  /** Until somebody rings, or `ms` are over. Gives whether somebody rang. */
  wait(ms: number): Promise<boolean> {
    if (this.#rung) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
