import type { AcquireBell, Bells, StepBell } from "../../src/domain/bells.ts";
import type { Process } from "./process.ts";

/** A doorbell that was rung. */
export interface Bell {
  readonly verb: "run" | StepBell["verb"] | AcquireBell["verb"];
  /** The row it is about; of an acquire, none. */
  readonly id: string;
  /** Whose queue it lies in; null where any host's worker takes it. */
  readonly host: string | null;
}

/**
 * Where bells lie until somebody hears them: in any order, twice, long after, or never. A bell that lies there and is
 * rung again is one bell.
 */
export class Bag {
  readonly undelivered: Bell[] = [];
  /** Everything that was ever rung, for what is delivered again. */
  readonly rung: Bell[] = [];

  ring(bell: Bell): void {
    const same = (other: Bell): boolean => other.verb === bell.verb && other.id === bell.id && other.host === bell.host;
    if (!this.rung.some(same)) this.rung.push(bell);
    if (!this.undelivered.some(same)) this.undelivered.push(bell);
  }

  /** The bells as one process rings them. What watchers and followers are told is always lost. */
  of(process: Process): Bells {
    const ring = (bell: Bell): Promise<void> => process.effect("bell", `ring ${bell.verb}`, async () => this.ring(bell));
    return {
      heard: async () => true,
      run: (id) => ring({ verb: "run", id, host: null }),
      step: (bell) => ring({ verb: bell.verb, id: "id" in bell ? bell.id : "", host: bell.host }),
      moved: async () => {},
      output: async () => {},
      execution: async () => {},
    };
  }
}
