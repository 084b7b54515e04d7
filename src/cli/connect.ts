import { join } from "node:path";
import { Leasehold } from "../client/index.ts";
import { readConfig } from "../config.ts";
import { readOwner } from "../embedded/ownership.ts";
import { readIfThere } from "../embedded/private-file.ts";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";

/** Somebody waits at the keyboard: an API that does not answer at first is not there. One that was is waited for. */
const patience = { request: 3000 };

/** A client of the API that the configuration names, or else of the fleet that `leasehold up` runs on this machine. */
export async function connect(): Promise<Leasehold> {
  const config = readConfig();
  if (config.url !== undefined) {
    // The token of this machine's own fleet is nobody else's business.
    if (config.token === undefined) throw new CliError(exitCodes.config, `no token stands with the address ${config.url}; set LEASEHOLD_TOKEN to a token of that API, or \`token\` beside its \`url\` in a configuration file`);
    return new Leasehold({ url: config.url, token: config.token, patience });
  }
  const url = (await readable(() => readOwner(config.dataDir), config.dataDir))?.url;
  if (url === undefined) {
    throw new CliError(
      exitCodes.unavailable,
      `no fleet runs on this machine with data in ${config.dataDir}.\nStart one with \`leasehold up\`, or set LEASEHOLD_URL and LEASEHOLD_TOKEN to use another one.`,
    );
  }
  const token = config.token ?? (await readable(() => readIfThere(join(config.dataDir, "token")), config.dataDir))?.trim();
  if (token === undefined || token === "") throw new CliError(exitCodes.config, `there is no token in ${join(config.dataDir, "token")}; set LEASEHOLD_TOKEN`);
  return new Leasehold({ url, token, patience });
}

async function readable<T>(read: () => Promise<T>, dataDir: string): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") throw error;
    throw new CliError(exitCodes.notAllowed, `${dataDir} belongs to another user; set LEASEHOLD_URL and LEASEHOLD_TOKEN, or LEASEHOLD_DATA_DIR to a directory of your own`);
  }
}
