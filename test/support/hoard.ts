import postgres from "postgres";

/** Takes every connection a Postgres has left, and keeps them until told to let go. `takeAll` may be called again for those that became free. */
export class Hoard {
  readonly #url: string;
  readonly #held: postgres.Sql[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async takeAll(): Promise<void> {
    for (;;) {
      const one = postgres(this.#url, { max: 1, idle_timeout: 0, max_lifetime: null, connection: { application_name: "hoard" }, onnotice: () => {} });
      try {
        await one`select 1`;
        this.#held.push(one);
      } catch (error) {
        await one.end({ timeout: 0 });
        if ((error as { code?: string }).code === "53300") return;
        throw error;
      }
    }
  }

  /** Ends everybody else's sessions, so that they have to ask for new ones. */
  async evict(): Promise<void> {
    await this.#held[0]?.unsafe("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'leasehold%'");
  }

  async letGo(): Promise<void> {
    await Promise.all(this.#held.splice(0).map((one) => one.end({ timeout: 1 })));
  }
}
