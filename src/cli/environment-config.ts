import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { CliError } from "./errors.ts";
import { exitCodes } from "./exit-codes.ts";

export interface ConfigOptions {
  readonly driver: string;
  /** Who holds the sandbox. Goes into the config, where the driver reads it. */
  readonly provider?: string;
  /** JSON. */
  readonly config?: string;
  /** A file with JSON; - for stdin. */
  readonly configFile?: string;
}

/** An environment's config from what was typed. Throws with what is wrong about it, before anybody is asked. */
export async function configFrom(options: ConfigOptions): Promise<Record<string, unknown>> {
  const { driver, provider } = options;
  const config = await objectFrom(options);
  if (driver !== "sandbox") {
    if (provider !== undefined) throw wrong(`--provider is for --driver sandbox; ${driver} has none`);
    return config;
  }
  const chosen = provider ?? config["provider"];
  if (chosen === undefined) throw wrong("--driver sandbox needs --provider: who holds the sandbox, like bubblewrap");
  if (provider !== undefined && "provider" in config && config["provider"] !== provider) {
    throw wrong(`--provider says ${provider} and the config says ${JSON.stringify(config["provider"])}; say it once`);
  }
  return { ...config, provider: chosen };
}

/** The JSON object that was typed, or is in a file; empty where neither is given. `option` is what it was typed for. */
export async function objectFrom({ config, configFile }: Pick<ConfigOptions, "config" | "configFile">, option = "--config"): Promise<Record<string, unknown>> {
  if (config !== undefined) return objectIn(option, config);
  if (configFile !== undefined) return objectIn(`--config-file ${configFile}`, await contentOf(configFile));
  return {};
}

async function contentOf(file: string): Promise<string> {
  if (file === "-") return text(process.stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw wrong(`--config-file: ${(error as Error).message}`);
  }
}

function objectIn(where: string, json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw wrong(`${where} is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(`${where} must be a JSON object, like '{"provider": "bubblewrap"}'`);
  return value as Record<string, unknown>;
}

const wrong = (message: string): CliError => new CliError(exitCodes.usage, message);
