/** Where a command finds its places in the sandbox: the same in every lease, so that what it wrote down keeps its meaning. */
export const seen = { workspace: "/workspace", home: "/home/agent", tmp: "/tmp" } as const;

/** User and group that a command takes itself for. */
export const insider = 1000;
export const insiderName = "agent";

/** Bytes of /dev/shm, which is memory. */
export const sharedMemory = 64 * 1024 * 1024;
