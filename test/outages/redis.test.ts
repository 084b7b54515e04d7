import { createServer, type Server, type Socket, connect } from "node:net";
import { join } from "node:path";
import { setTimeout as lasts } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { timing } from "../../src/domain/defaults.ts";
import { eventually } from "../support/eventually.ts";
import { startTestFleetOn, type TestFleet } from "../support/fleet.ts";
import { ownRedis, ownServices, type OwnServer, type OwnServices } from "../support/own-services.ts";
import { Living, nothingLeft, provenRun, ticker } from "../support/ticker.ts";

/** One address in front of whichever Redis is the primary now, like that of a failover. */
class Door {
  readonly #server: Server;
  #target: string;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((inside) => {
      const outside = connect({ host: "127.0.0.1", port: Number(new URL(this.#target).port) });
      const end = (one: Socket, other: Socket) => one.on("error", () => {}).on("close", () => other.destroy());
      end(inside, outside);
      end(outside, inside);
      inside.pipe(outside).pipe(inside);
    });
  }

  static async open(target: string): Promise<Door> {
    const door = new Door(target);
    await new Promise<void>((resolve) => door.#server.listen(0, "127.0.0.1", resolve));
    return door;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Leads new connections there; those that stand stay. */
  leadTo(target: string): void {
    this.#target = target;
  }

  close(): void {
    this.#server.close();
  }
}

let fleet: TestFleet & { readonly services: OwnServices };
let door: Door;
let api: { url: string; token: string };
let living: Living;
let direct: Redis;

beforeAll(async () => {
  fleet = await startTestFleetOn(async (dataDir) => {
    const services = await ownServices()(dataDir);
    door = await Door.open(services.redis.url);
    const behind = new URL(services.redisUrl);
    behind.port = String(door.port);
    return { ...services, redisUrl: behind.href, redis: services.redis };
  });
  direct = new Redis(fleet.services.redis.url, { maxRetriesPerRequest: null });
  direct.on("error", () => {});
  await Promise.all([fleet.reaper(), fleet.worker()]);
  api = await fleet.api();
  living = await Living.start(fleet);
});
afterAll(async () => {
  direct.disconnect();
  door.close();
  await fleet.close();
});

const ready = async (): Promise<{ status: number; text: string }> => {
  const answer = await fetch(`${api.url}/readyz`);
  return { status: answer.status, text: await answer.text() };
};

/** Begins an outage, has `/readyz` tell it, has the API accept a run all the same, without making the caller wait, and ends it. */
async function accepted(begin: () => Promise<unknown>, says: RegExp, end: () => Promise<unknown>): Promise<string> {
  await begin();
  await eventually(async () => expect(await ready()).toMatchObject({ status: 503, text: expect.stringMatching(says) as string }));
  const asked = performance.now();
  const answer = await fetch(`${api.url}/v1/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${api.token}`, "content-type": "application/json" },
    body: JSON.stringify({ command: ticker(3) }),
  });
  expect(answer.status).toBe(201);
  expect(performance.now() - asked).toBeLessThan(2 * timing.ring + 1000);
  const { id } = (await answer.json()) as { id: string };
  await end();
  await eventually(async () => expect((await ready()).status).toBe(200));
  return id;
}

describe("I13: a command goes on, and accepted runs are done afterwards, when Redis", () => {
  it("is full, a read-only replica, without the replicas it insists on, and hangs", async () => {
    const full = await accepted(
      () => direct.config("SET", "maxmemory", "1"),
      /"redis".*OOM/,
      () => direct.config("SET", "maxmemory", "0"),
    );
    const replica = await accepted(
      () => direct.replicaof("127.0.0.1", 1),
      /"redis".*READONLY/,
      () => direct.replicaof("NO", "ONE"),
    );
    const alone = await accepted(
      () => direct.config("SET", "min-replicas-to-write", "1"),
      /"redis".*NOREPLICAS/,
      () => direct.config("SET", "min-replicas-to-write", "0"),
    );
    const hanging = await accepted(
      async () => fleet.services.redis.signal("SIGSTOP"),
      /"redis".*no answer/,
      async () => fleet.services.redis.signal("SIGCONT"),
    );
    for (const id of [full, replica, alone, hanging]) await provenRun(fleet, id);
  });

  it("is down for longer than claims live, and comes back empty", async () => {
    const id = await accepted(
      () => fleet.services.redis.stop(),
      /"redis"/,
      async () => {
        await lasts(2 * timing.claim);
        await fleet.services.redis.start();
        await direct.flushall();
      },
    );
    await provenRun(fleet, id);
  });

  it("fails over, with jobs lost that were not replicated, while the old primary lives on as a replica", async () => {
    const next: OwnServer = await ownRedis(join(fleet.config.dataDir, "next-redis"));
    const promoted = new Redis(next.url);
    try {
      // The same password as the old one's, as a failover has it.
      await promoted.config("SET", "requirepass", new URL(fleet.config.redisUrl ?? "").password);
      const accepted = await Promise.all(Array.from({ length: 5 }, () => fleet.submit({ command: ticker(3) })));
      door.leadTo(next.url);
      await direct.replicaof("127.0.0.1", Number(new URL(next.url).port));
      for (const { id } of accepted) await provenRun(fleet, id);
      await eventually(async () => expect((await ready()).status).toBe(200));
      const { id } = await fleet.submit({ command: ticker(3) });
      await provenRun(fleet, id);
      await living.end();
      const whole = await provenRun(fleet, living.runId);
      expect(whole.execution?.offer).toBe(1);
      await nothingLeft(fleet);
    } finally {
      promoted.disconnect();
      next.signal("SIGKILL");
    }
  });
});
