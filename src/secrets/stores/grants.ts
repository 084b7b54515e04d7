/** What companies may read of a store: paths, or everything that begins like one that ends with `*`. */
export type Grants = Readonly<Record<string, readonly string[]>>;

/** Whether a company, by name, may read a path. Without a grant it may read nothing. */
export const isGranted = (grants: Grants, company: string, path: string): boolean =>
  Object.hasOwn(grants, company) && (grants[company] ?? []).some((grant) => (grant.endsWith("*") ? path.startsWith(grant.slice(0, -1)) : path === grant));
