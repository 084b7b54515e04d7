import type { Redis } from "ioredis";
import { channels } from "./channels.ts";
import { openPatientConnection, type RedisAddress } from "./connection.ts";

export interface Notices {
  /** Calls `look` when somebody rang for this execution. Gives a function that stops it. */
  onExecution(id: string, look: () => void): () => void;
  /** Calls `look` when more output of this execution is durable or this run has moved, and once when the subscription stands. */
  onOutput(id: string, look: () => void): () => void;
  close(): void;
}

/** Listens to Redis channels on one connection; who is told what stays in this process. */
export function openNotices(address: RedisAddress, onError: (error: Error) => void): Notices {
  const redis: Redis = openPatientConnection(address, onError);
  const channel = channels(address.prefix);
  const listeners = new Map<string, Set<() => void>>();

  redis.on("message", (name: string, message: string) => {
    const key = name === channel.executions ? executionKey(message) : name;
    for (const look of listeners.get(key) ?? []) look();
  });
  // After an outage something may have been said that we did not hear.
  redis.on("ready", () => {
    for (const set of listeners.values()) for (const look of set) look();
  });
  redis.subscribe(channel.executions).catch(onError);

  const listen = (key: string, look: () => void): boolean => {
    const set = listeners.get(key) ?? new Set();
    const first = set.size === 0;
    set.add(look);
    listeners.set(key, set);
    return first;
  };
  const forget = (key: string, look: () => void): boolean => {
    const set = listeners.get(key);
    set?.delete(look);
    if (set?.size !== 0) return false;
    listeners.delete(key);
    return true;
  };

  return {
    onExecution: (id, look) => {
      listen(executionKey(id), look);
      return () => void forget(executionKey(id), look);
    },
    onOutput: (id, look) => {
      const name = channel.news(id);
      if (listen(name, look)) redis.subscribe(name).then(look, onError);
      return () => {
        if (forget(name, look)) redis.unsubscribe(name).catch(onError);
      };
    },
    close: () => redis.disconnect(),
  };
}

const executionKey = (id: string): string => `execution ${id}`;
