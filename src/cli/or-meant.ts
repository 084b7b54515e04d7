import { LeaseholdRequestError } from "../client/error.ts";
import { closest } from "../domain/closest.ts";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { sayCommand } from "./say.ts";
import { take } from "./take.ts";

/** So many names are looked at. */
const looked = 1000;

/** Where things of that kind are listed. */
interface Named {
  list(options: { readonly pageSize: number }): AsyncIterable<{ readonly name: string }>;
}

/** What `ask` gives for a name. Where there is none of that name, its error also says which one was probably meant. */
export async function orMeant<T>(name: string, ask: () => Promise<T>, there: Named): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof LeaseholdRequestError) || error.status !== 404) throw error;
    // Only to be of help: who may not list, or is too late, hears the first error.
    const names = await take(there.list({ pageSize: 200 }), looked).catch(() => []);
    const meant = closest(name, names.map((one) => one.name));
    if (meant === undefined || error.detail.includes("there is")) throw error;
    throw new CliError(exitCodes.notFound, `${error.detail}\n(Did you mean ${sayCommand([meant])}?)`, error.code);
  }
}
