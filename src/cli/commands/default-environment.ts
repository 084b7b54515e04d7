import { connect } from "../connect.ts";
import { exitCodes } from "../exit-codes.ts";
import { orMeant } from "../or-meant.ts";
import { answer, answerJson } from "../print.ts";

/** Says which environment runs get that name none, after changing it if a name or `none` is given. */
export async function defaultEnvironment(name: string | undefined, options: { readonly none?: true; readonly json?: true }): Promise<number> {
  const { environments } = await connect();
  const changed = name !== undefined || options.none === true;
  const set = () => environments.setDefault(name ?? null);
  const chosen = !changed ? await environments.getDefault() : await orMeant(name ?? "", set, environments);
  if (options.json === true) answerJson({ environment: chosen });
  else if (chosen === null) answer("There is no default environment: runs that name none get this company's local one.");
  else answer(`Runs that name no environment get ${chosen.name} (${chosen.id}).`);
  return exitCodes.ok;
}
