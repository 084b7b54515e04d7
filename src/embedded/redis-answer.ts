import { connect } from "node:net";
import { refused } from "../domain/errors.ts";
import { timing } from "./timing.ts";

/** Whether the Redis on this loopback port takes our password and is ready. False while it loads its data, or is not there. */
export async function redisAnswers(port: number, password: string): Promise<boolean> {
  const answer = await ask(port, `AUTH ${password}\r\nPING\r\nQUIT\r\n`);
  if (!answer.startsWith("-WRONGPASS")) return answer.includes("+PONG");
  throw refused(
    "redis_password",
    "The embedded Redis runs with another password than the one kept beside its data. Start again: it then gets this one.",
  );
}

/** Everything the server says to these inline commands until it hangs up; what came so far when it is slow or refuses. */
function ask(port: number, commands: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect({ host: "127.0.0.1", port });
    socket.setTimeout(timing.answer, () => socket.destroy());
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(commands));
    socket.on("data", (text: string) => (heard += text));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(heard));
  });
}
