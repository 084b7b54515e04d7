/** Something that must hold did not. The message begins with the invariant's number. */
export class Violation extends Error {
  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.name = "Violation";
  }
}
