/** Tells, within one process, that a lease of a backend has got on: its command has started, or its place was given back. Its company may be given the next. */
export class Progress {
  readonly #looks = new Set<(backend: string) => void>();

  /** Calls `look` whenever one has. */
  onProgress(look: (backend: string) => void): void {
    this.#looks.add(look);
  }

  made(backend: string): void {
    for (const look of this.#looks) look(backend);
  }
}
