/** The kinds of places there are. A kind may have several providers; a provider has one driver. */
export const driverKinds = ["local", "ssh", "sandbox", "plugin"] as const;
export type DriverKind = (typeof driverKinds)[number];
