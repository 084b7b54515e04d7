// Asks for a run with BullMQ and nothing of Leasehold's: for producers that have Redis only. In any other project this needs
// `npm install bullmq ioredis`. docs/run-submission.schema.json says what may be in the job.
//   REDIS_URL=redis://... COMPANY=<its id> node examples/bullmq-producer.js nightly-42 echo hello
import { Queue } from "bullmq";

const { REDIS_URL: url = "redis://127.0.0.1:6379", LEASEHOLD_QUEUE_PREFIX: prefix = "{leasehold}", COMPANY: company } = process.env;
const [idempotencyKey, ...command] = process.argv.slice(2);

const queue = new Queue("runs", { connection: { url }, prefix });
const job = await queue.add(
  "run",
  { v: 1, company, idempotencyKey, request: { command } },
  // Kept for a while, for whoever wants to know why a submission failed. Without this they stay for ever.
  { removeOnComplete: { count: 1000 }, removeOnFail: { count: 5000 } },
);
console.log(`job ${job.id} is on the queue; the run is found by its key ${idempotencyKey}`);
await queue.close();
