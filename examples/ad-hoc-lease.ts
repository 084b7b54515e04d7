// Several commands in one place, one after the other and at once. `await using` gives the place back, whatever happens.
// The build compiles this, because Node 20 does not know `await using`; elsewhere there is `leasehold.leases.with`.
//   LEASEHOLD_URL=http://127.0.0.1:8420 LEASEHOLD_TOKEN=... node dist/examples/ad-hoc-lease.js
import { Leasehold } from "leasehold";

const { LEASEHOLD_URL: url = "http://127.0.0.1:8420", LEASEHOLD_TOKEN: token = "" } = process.env;
const leasehold = new Leasehold({ url, token });

// Renews itself while this program lives. If it is killed, the lease expires two minutes later.
await using lease = await leasehold.leases.acquire({}, { onWaiting: ({ waiting }) => console.error(`waits: ${waiting?.reason ?? "..."}`) });

// Each finds what those before it have left.
await lease.run(["sh", "-c", "seq 1 1000 >numbers"]);
const [sum, lines] = await Promise.all([lease.run(["awk", "{ sum += $1 } END { print sum }", "numbers"]), lease.run(["wc", "-l", "numbers"])]);
console.log(`sum ${sum.stdout.trim()}, lines ${lines.stdout.trim()}`);

// Followed as it prints, on both streams.
const command = await lease.exec(["sh", "-c", "echo checking; grep -c 7 numbers; echo checked >&2; exit 3"], { timeoutMs: 60_000 });
for await (const { stream, bytes } of command) process[stream].write(bytes);
console.log("ended with", (await command.result()).outcome);
