import { driverContract } from "./contract.ts";
import bubblewrap from "./subjects/bubblewrap.ts";

await driverContract(bubblewrap);
