import { setImmediate as turn } from "node:timers/promises";
import { Violation } from "./violation.ts";

/** What others can see of a process: what it asks of the database and of drivers, and the bells it rings. */
export type EffectKind = "database" | "driver" | "bell";

/** What becomes of an effect that a process is held before. */
type Fate = "go" | "die_before" | "die_after" | "lose_before" | "lose_after";

interface Held {
  readonly kind: EffectKind;
  readonly what: string;
  readonly decide: (fate: Fate) => void;
}

/** A process that was killed does nothing any more. No code of ours knows this error, so it only unwinds. */
export class Death extends Error {
  constructor() {
    super("this process was killed");
    this.name = "Death";
  }
}

/** As the database's client says it. Whether the statement was carried out is not known. */
const connectionLost = (): Error => Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

/** Milliseconds after which a process that was told to go on and neither ends nor asks for anything counts as hanging. */
const patience = 20_000;

/**
 * One use case in a process of its own, which can be held before any of its effects, killed there, let go on later, or
 * told that the connection was lost: before the effect took place or after it.
 */
export class Process {
  readonly who: string;
  readonly stop = new AbortController();
  /** What it did, for the report. */
  readonly trace: string[] = [];
  #budget: number;
  #held: Held[] = [];
  #busy = 0;
  #dead = false;
  #ended = false;
  #error: unknown = null;
  #changed: () => void = () => {};

  /** `budget`: effects after which it is held. */
  constructor(who: string, budget: number, work: (process: Process) => Promise<void>) {
    this.who = who;
    this.#budget = budget;
    work(this)
      .catch((error: unknown) => {
        this.#error = error;
      })
      .finally(() => {
        this.#ended = true;
        this.#changed();
      });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What it ended with; null while it has not, when it ended well and when it was killed. */
  get error(): unknown {
    return this.#dead ? null : this.#error;
  }

  /** What it is held before. */
  get next(): string | undefined {
    return this.#held[0]?.what;
  }

  /** Carries an effect out, when the process may. */
  async effect<T>(kind: EffectKind, what: string, act: () => Promise<T>): Promise<T> {
    if (this.#dead) throw new Death();
    const fate = this.#mayGo() ? "go" : await this.#hold(kind, what);
    this.trace.push(fate === "go" ? what : `${what} (${fate})`);
    switch (fate) {
      case "go":
        return this.#carryOut(act);
      case "die_before":
        throw new Death();
      case "die_after":
        await this.#carryOut(act).catch(() => {});
        throw new Death();
      case "lose_before":
        throw connectionLost();
      case "lose_after":
        await this.#carryOut(act).catch(() => {});
        throw connectionLost();
    }
  }

  /** Lets it do so many effects more, and waits until it has ended or is held again. */
  async goOn(budget: number): Promise<void> {
    this.#budget = budget;
    while (this.#held.length > 0 && this.#budget > 0) {
      this.#budget -= 1;
      this.#held.shift()?.decide("go");
    }
    await this.rest();
  }

  /** Kills it: what it was held before has happened or has not. */
  async kill(after: boolean): Promise<void> {
    this.#dead = true;
    const [first, ...others] = this.#held.splice(0);
    first?.decide(after ? "die_after" : "die_before");
    for (const other of others) other.decide("die_before");
    await this.rest();
  }

  /** Loses the answer of the statement it is held before, and lets it go on to its end. Anything else it is held before just happens. */
  async loseAnswer(after: boolean): Promise<void> {
    const first = this.#held.shift();
    first?.decide(first.kind !== "database" ? "go" : after ? "lose_after" : "lose_before");
    await this.goOn(Number.POSITIVE_INFINITY);
  }

  /** Waits until it has ended or is held. */
  async rest(): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed();
    }, patience);
    try {
      for (;;) {
        // What follows upon an effect asks for its own in the same turn.
        await turn();
        if (this.#ended || (this.#busy === 0 && this.#held.length > 0)) return;
        if (late) throw new Violation("I4", `${this.who} neither ends nor asks for anything; it did ${this.trace.slice(-5).join("; ")}`);
        await new Promise<void>((resolve) => {
          this.#changed = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #mayGo(): boolean {
    if (this.#budget <= 0) return false;
    this.#budget -= 1;
    return true;
  }

  async #hold(kind: EffectKind, what: string): Promise<Fate> {
    const fate = new Promise<Fate>((decide) => this.#held.push({ kind, what, decide }));
    this.#changed();
    return fate;
  }

  async #carryOut<T>(act: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      const answer = await act();
      if (this.#dead) throw new Death();
      return answer;
    } finally {
      this.#busy -= 1;
      this.#changed();
    }
  }
}
