/**
 * Whether an upgrade request's body ends up in the new protocol.
 *
 * @module
 */

import { behindHead, dialectOf, quote, statuses, talk } from "../play_client.ts";
import type { ServerProbe, ServerUnderTest } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, type Verdict, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeBody: ServerProbe = {
  title: "an upgrade request's body is not the new protocol",
  clause: "RFC 9110 §7.8",
  id: "E5",
  async run(server) {
    const verdict = await ask(server, "Content-Length: 5", "hello");
    return verdict.mark === "✓" ? await ask(server, "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n") : verdict;
  },
};

function ask(server: ServerUnderTest, framing: string, body: string): Promise<Verdict> {
  const { fields, said, heard } = dialectOf(server);
  const method = server.speaks === "echo" ? "POST" : "GET";
  return talk(server.port, async (socket) => {
    socket.send(head(`${method} / HTTP/1.1`, "Host: a.test", "Connection: Upgrade", ...fields, framing) + body);
    if (!await socket.until("\r\n\r\n")) return wrong("no answer");
    if (statuses(socket)[0] !== 101) return wrong(`answers ${statuses(socket)[0]}`);
    socket.send(said("ping"));
    await socket.until(heard("ping"));
    const answer = behindHead(socket);
    return answer === heard("ping") ? right() : wrong(`it begins with ${quote(answer)}`);
  });
}
