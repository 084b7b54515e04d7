import { driverContract } from "./contract.ts";
import local from "./subjects/local.ts";

await driverContract(local);
