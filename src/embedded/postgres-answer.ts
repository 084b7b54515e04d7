import connect from "postgres";
import { refused } from "../domain/errors.ts";
import { timing } from "./timing.ts";

/** SQLSTATE of a wrong password: the server runs, but not with ours. Everything else may pass. */
const invalidPassword = "28P01";

/** Whether the server behind `url` answers a query. False while it starts, recovers, stops, or is not there. */
export async function postgresAnswers(url: string): Promise<boolean> {
  const sql = connect(url, { max: 1, connect_timeout: timing.answer / 1000, onnotice: () => undefined, fetch_types: false });
  try {
    await sql`select 1`;
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== invalidPassword) return false;
    throw refused(
      "postgres_password",
      "The embedded Postgres does not accept the password kept beside its data. Put the file `password` back, or remove the folder `postgres` to begin with an empty database.",
      { cause: error },
    );
  } finally {
    await sql.end({ timeout: 0 });
  }
}
