/** The facts by what `key` says of them, in their order. */
export function groupBy<T, K>(facts: readonly T[], key: (fact: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const fact of facts) {
    const group = groups.get(key(fact));
    if (group === undefined) groups.set(key(fact), [fact]);
    else group.push(fact);
  }
  return groups;
}
