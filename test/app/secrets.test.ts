import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { openSecrets } from "../../src/app/secrets.ts";
import { readConfig } from "../../src/config.ts";
import { openDatabase } from "../../src/db/client.ts";
import { KnownValues } from "../../src/domain/known-values.ts";
import { freshDatabase } from "../support/database.ts";
import { openFrontDoor } from "../support/front-door.ts";
import { quietLog } from "../support/quiet-log.ts";

it("a process that starts while the database is away waits for it before it looks at the keys", async () => {
  const database = await freshDatabase();
  await using door = await openFrontDoor();
  const away = createServer((socket) => {
    socket.destroy();
    door.leadTo(database.url);
  }).listen(0, "127.0.0.1");
  await once(away, "listening");
  door.leadTo(`http://127.0.0.1:${(away.address() as AddressInfo).port}`);
  const url = new URL(database.url);
  url.port = new URL(door.url).port;
  url.hostname = "127.0.0.1";
  const opened = openDatabase(url.href, { name: "test" });
  try {
    const config = { ...readConfig({}), dataDir: tmpdir() };
    expect(await openSecrets(config, { db: opened.db, known: new KnownValues(), log: quietLog })).toMatchObject({ db: opened.db });
  } finally {
    await opened.close();
    away.close();
    await database.drop();
  }
});
