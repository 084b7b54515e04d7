// Starts a command that takes long, and ends it as soon as it has said something.
//   LEASEHOLD_URL=http://127.0.0.1:8420 LEASEHOLD_TOKEN=... node examples/cancel.js
import { Leasehold } from "leasehold";

const { LEASEHOLD_URL: url = "http://127.0.0.1:8420", LEASEHOLD_TOKEN: token = "" } = process.env;
const leasehold = new Leasehold({ url, token });

const run = await leasehold.runs.start(["sh", "-c", "trap 'echo told to stop; exit 0' TERM; echo working; sleep 1000 & wait"]);
for await (const { bytes } of run) {
  process.stdout.write(bytes);
  if (Buffer.from(bytes).includes("working")) await run.cancel();
}
const { outcome, result } = await run.result();
console.log(result, outcome);
