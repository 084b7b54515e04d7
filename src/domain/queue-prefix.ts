import { z } from "zod";

/** What all Redis keys and channels of an installation begin with: a hash tag, so that a Redis Cluster keeps them in one slot, as BullMQ's scripts require. */
export const queuePrefix = z
  .string()
  .regex(/^\{[A-Za-z0-9_-]+\}$/, "must be a name in braces, like {leasehold}")
  .default("{leasehold}");
