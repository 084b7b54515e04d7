/**
 * Has many callers take from one source, one after the other. Where it has nothing, it has nothing for all who asked before it
 * was looked at: a thousand bells that mean the same cost a look or two. Who asks while it is looked at has it looked at again.
 */
export function inLine<T>(look: () => Promise<T | null>): () => Promise<T | null> {
  interface Asker {
    readonly resolve: (got: T | null) => void;
    readonly reject: (error: unknown) => void;
  }
  const asking: Asker[] = [];
  let looking = false;
  const serve = async (): Promise<void> => {
    looking = true;
    while (asking.length > 0) {
      const before = asking.splice(0);
      try {
        const got = await look();
        if (got === null) for (const { resolve } of before) resolve(null);
        else {
          before.shift()?.resolve(got);
          asking.unshift(...before);
        }
      } catch (error) {
        for (const { reject } of before) reject(error);
      }
    }
    looking = false;
  };
  return () =>
    new Promise((resolve, reject) => {
      asking.push({ resolve, reject });
      if (!looking) void serve();
    });
}
