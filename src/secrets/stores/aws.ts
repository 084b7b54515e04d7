import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { StoreReference } from "../../domain/secret.ts";
import { LeaseholdError } from "../../domain/errors.ts";
import { denied, fieldNotThere, nonsense, notThere, unavailable } from "./errors.ts";
import type { SecretStore } from "./store.ts";

export interface AwsSettings {
  readonly region: string;
  /** For tests, and for what speaks the same API. */
  readonly endpoint?: string | undefined;
  readonly timeoutMs: number;
}

/**
 * AWS Secrets Manager, through AWS's own client, which finds its credentials where AWS's tools do: variables, files, the machine's
 * role. `path` is the secret's name. With a `key` the secret is JSON and the key one of its fields; without, it is the whole text.
 */
export function awsStore(name: string, { region, endpoint, timeoutMs }: AwsSettings): SecretStore {
  let opened: Promise<SecretsManagerClient> | undefined;
  // Loaded when somebody needs it: most fleets do not.
  const client = (): Promise<SecretsManagerClient> =>
    (opened ??= import("@aws-sdk/client-secrets-manager").then(
      // Whoever asks for a secret tries again; here that would only take longer.
      (aws) => new aws.SecretsManagerClient({ region, maxAttempts: 1, ...(endpoint === undefined ? {} : { endpoint }) }),
    ));

  return {
    numbersVersions: false,
    read: async (reference, _version, signal) => {
      const late = AbortSignal.timeout(timeoutMs);
      try {
        const { GetSecretValueCommand } = await import("@aws-sdk/client-secrets-manager");
        const answer = await (await client()).send(new GetSecretValueCommand({ SecretId: reference.path }), { abortSignal: AbortSignal.any([signal, late]) });
        if (typeof answer.SecretString !== "string") throw nonsense(name, answer.SecretBinary === undefined ? "without a secret" : "with bytes, where a text was wanted");
        return reference.key === undefined ? answer.SecretString : fieldOf(name, reference, reference.key, answer.SecretString);
      } catch (error) {
        if (late.aborted && !signal.aborted) throw unavailable(name, `no answer within ${timeoutMs} ms`, error);
        throw translate(name, reference, error);
      }
    },
  };
}

function fieldOf(name: string, reference: StoreReference, key: string, text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw fieldNotThere(name, reference, key);
  }
  const value = typeof parsed === "object" && parsed !== null && Object.hasOwn(parsed, key) ? (parsed as Record<string, unknown>)[key] : undefined;
  if (typeof value !== "string") throw fieldNotThere(name, reference, key);
  return value;
}

/** What the service's errors mean; they are known by their names. Their texts may name other secrets, so they stay in the log. */
function translate(name: string, reference: StoreReference, error: unknown): unknown {
  if (error instanceof LeaseholdError || !(error instanceof Error)) return error;
  switch (error.name) {
    case "ResourceNotFoundException":
    // Marked for deletion.
    case "InvalidRequestException":
      return notThere(name, reference, error);
    case "AccessDeniedException":
    case "DecryptionFailure":
    case "UnrecognizedClientException":
    case "InvalidSignatureException":
    case "ExpiredTokenException":
    case "InvalidClientTokenId":
    case "CredentialsProviderError":
      return denied(name, reference, error);
    default:
      return unavailable(name, error.name, error);
  }
}
