import type { Db } from "../db/client.ts";
import { deleteSecret, getSecret, lockSecret } from "../db/secrets.ts";
import { usesOf } from "../db/secret-uses.ts";
import { invalid } from "../domain/errors.ts";

/**
 * Deletes a secret, its values at once. Throws `invalid` `secret_in_use` (409), naming the environments that refer to it, unless
 * `force` says that they are to go without: what is run there then ends as not started.
 */
export async function removeSecret(db: Db, companyId: string, wanted: string, { force }: { readonly force: boolean }): Promise<void> {
  const secret = await getSecret(db, companyId, wanted);
  await db.transaction(async (tx) => {
    await lockSecret(tx, secret.id);
    const uses = force ? [] : await usesOf(tx, secret.id);
    if (uses.length > 0) {
      const named = uses.slice(0, 20).map(({ environment, field }) => `${environment} (${field})`);
      throw invalid("secret_in_use", `environments refer to ${secret.name}: ${named.join(", ")}${uses.length > 20 ? `, and ${uses.length - 20} more places` : ""}; change them first, or delete it by force`, { status: 409 });
    }
    await deleteSecret(tx, secret.id);
  });
}
