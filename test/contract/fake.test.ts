import { driverContract } from "./contract.ts";
import fake from "./subjects/fake.ts";

await driverContract(fake);
