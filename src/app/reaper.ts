import type { Config } from "../config.ts";
import { openReaper } from "../../workers/reaper.ts";
import { openResealer } from "../../workers/resealer.ts";
import { openBase } from "./base.ts";
import { checkSchema } from "./check-schema.ts";
import { openSecrets } from "./secrets.ts";
import { sayReady, untilTold } from "./until-told.ts";

/** The reaper process: sweeps until it is told to stop. As many as one likes may run. */
export async function runReaper(config: Config): Promise<void> {
  const told = untilTold();
  const base = openBase(config, "reaper");
  await checkSchema(base);
  const resealer = openResealer(await openSecrets(config, { db: base.database.db, known: base.known, log: base.log }), base.log);
  const reaper = openReaper({ db: base.database.db, bells: base.bells, log: base.log, who: base.who }, base.redis, base.log);
  base.log.info("reaper ready");
  sayReady();
  await told.first;
  void told.second.then(() => process.exit(1));
  await Promise.all([reaper.close(), resealer.stop()]);
  await base.close();
  told.done();
}
