import { createHash } from "node:crypto";
import type { Outcome } from "../../../src/domain/outcome.ts";

/** What a command does, as data. */
export type Act =
  /** Prints numbered lines, with a pause (seconds) after each. */
  | { readonly kind: "say"; readonly lines: number; readonly pause: number }
  /** Prints that many bytes that follow from its id. */
  | { readonly kind: "flood"; readonly bytes: number }
  /** Makes random bytes, writes them and their digest down beside the fleet, and prints them. Not in a sandbox. */
  | { readonly kind: "random"; readonly bytes: number }
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: "TERM" | "KILL" | "HUP" | "SEGV" }
  /** Says one line and sleeps far beyond its time. */
  | { readonly kind: "sleep" }
  /** The same, and hears no TERM, neither it nor its child. */
  | { readonly kind: "stubborn" }
  /** Ends at once and leaves children: one in a session of its own, one that hears no TERM. */
  | { readonly kind: "brood" }
  /** Prints the files of its workspace, one after the other, by name. */
  | { readonly kind: "files"; readonly content: string };

/**
 * The program of every command: `sh -c <script> chaos <id> <ledger or -> <kind> <a> <b>`. It says that it started before
 * anything else, in one write each, and what it is about to end with before it does.
 */
const script = `
id=$1 ledger=$2 kind=$3 a=$4 b=$5
[ "$ledger" = - ] || echo "$id $LEASEHOLD_EXECUTION $$" >>"$ledger/starts"
echo "$id $LEASEHOLD_EXECUTION $$" >>"$HOME/starts"
mean() { [ "$ledger" = - ] || echo "$id $*" >>"$ledger/meant"; }
leave() { echo "started $(grep -c "^$id " "$HOME/starts")" >&2; mean exit "$1"; exit "$1"; }
case $kind in
say) n=0; while [ "$n" -lt "$a" ]; do echo "line $n of $id"; n=$((n + 1)); [ "$b" = 0 ] || sleep "$b"; done; leave 0 ;;
flood) yes "flood of $id" | head -c "$a"; leave 0 ;;
random)
	head -c "$a" /dev/urandom >"$ledger/data/$id.new"
	digest=$(sha256sum <"$ledger/data/$id.new")
	echo "$id \${digest%% *}" >>"$ledger/digests"
	mv "$ledger/data/$id.new" "$ledger/data/$id"
	cat "$ledger/data/$id"; leave 0 ;;
exit) echo "bye from $id"; leave "$a" ;;
signal) echo "bye from $id"; mean signal "$a"; kill -"$a" $$; sleep 5 ;;
sleep) echo "sleep of $id"; sleep 900; leave 0 ;;
stubborn) trap '' TERM; echo "sleep of $id"; sleep 900; leave 0 ;;
brood) sleep 901 & setsid sleep 902 & (trap '' TERM; sleep 903) & echo "brood of $id"; leave 0 ;;
files) find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat; leave 0 ;;
esac
`;

export function argvOf(id: string, ledger: string | null, act: Act): string[] {
  return ["sh", "-c", script, "chaos", id, ledger ?? "-", act.kind, ...parametersOf(act)];
}

function parametersOf(act: Act): string[] {
  switch (act.kind) {
    case "say":
      return [String(act.lines), String(act.pause)];
    case "flood":
    case "random":
      return [String(act.bytes)];
    case "exit":
      return [String(act.code)];
    case "signal":
      return [act.signal];
    default:
      return [];
  }
}

/** What the command does when nobody ends it; null for one that only ends when somebody does. */
export function naturalEnd(act: Act): Outcome | null {
  switch (act.kind) {
    case "exit":
      return { kind: "exited", code: act.code };
    case "signal":
      return { kind: "signalled", signal: `SIG${act.signal}` };
    case "sleep":
    case "stubborn":
      return null;
    default:
      return { kind: "exited", code: 0 };
  }
}

/** All that the command prints on stdout if it comes to its end; null for random bytes, which only it knows. */
export function wholeOutput(id: string, act: Act): Buffer | null {
  switch (act.kind) {
    case "say":
      return Buffer.from(Array.from({ length: act.lines }, (_, n) => `line ${n} of ${id}\n`).join(""));
    case "flood":
      return Buffer.alloc(act.bytes, `flood of ${id}\n`);
    case "random":
      return null;
    case "exit":
    case "signal":
      return Buffer.from(`bye from ${id}\n`);
    case "sleep":
    case "stubborn":
      return Buffer.from(`sleep of ${id}\n`);
    case "brood":
      return Buffer.from(`brood of ${id}\n`);
    case "files":
      return Buffer.from(act.content);
  }
}

export const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
