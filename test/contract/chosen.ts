import type { MakeSubject } from "./subject.ts";
import { driverContract } from "./contract.ts";

/** The subject that `npm run contract` was told to try. */
const path = process.env["CONTRACT_SUBJECT"];
if (path === undefined) throw new Error("which subject? npm run contract -- local");
const { default: make } = (await import(path)) as { default: MakeSubject };
await driverContract(make, { withDeaths: process.env["CONTRACT_WITHOUT_DEATHS"] === undefined });
