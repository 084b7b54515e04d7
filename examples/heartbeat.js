// Wakes agents on a schedule. A beat of an agent is one run, whose key names agent and beat: however often this program is
// started again, no beat runs twice, and the last one is told to its end before the next one begins.
//   LEASEHOLD_URL=http://127.0.0.1:8420 LEASEHOLD_TOKEN=... node examples/heartbeat.js [agents.json]
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Leasehold } from "leasehold";

const file = process.argv[2];
const agents = file !== undefined ? JSON.parse(await readFile(file, "utf8")) : [
  { id: "tidy", everyMs: 10_000, command: ["sh", "-c", "echo tidying up; sleep 3; echo tidy"] },
  { id: "count", everyMs: 5000, command: ["sh", "-c", "ls /usr/bin | wc -l"] },
];

const { LEASEHOLD_URL: url = "http://127.0.0.1:8420", LEASEHOLD_TOKEN: token = "" } = process.env;
const leasehold = new Leasehold({ url, token });

/** @param {string} agent @param {string} runId */
async function follow(agent, runId) {
  const run = leasehold.runs.handle(runId);
  for await (const { bytes } of run) process.stdout.write(`${agent}: ${Buffer.from(bytes).toString()}`);
  console.log(`${agent}: ${runId} ${(await run.result()).result}`);
  return runId;
}

/** @param {{ id: string, everyMs: number, command: string[] }} agent */
async function keep({ id, everyMs, command }) {
  for (let told = ""; ; await sleep(everyMs - (Date.now() % everyMs))) {
    try {
      const { value: last } = await leasehold.runs.list({ producer: { agentId: id }, pageSize: 1 }).next();
      if (last !== undefined && last.id !== told) told = await follow(id, last.id);
      const idempotencyKey = `${id}-${Math.floor(Date.now() / everyMs)}`;
      const beat = await leasehold.runs.create({ command, timeoutMs: 600_000, producer: { agentId: id } }, { idempotencyKey });
      if (beat.id !== told) told = await follow(id, beat.id);
    } catch (error) {
      console.error(`${id}:`, error); // a fleet that is away, or says no: the next beat tries again
    }
  }
}

await Promise.all(agents.map(keep));
