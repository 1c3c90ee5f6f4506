/**
 * Whether a request whose offer is not taken is a request like any other.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe, ServerUnderTest } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, type Verdict, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeDeclined: ServerProbe = {
  title: "an offer that is not taken is an ordinary request",
  clause: "RFC 9110 §7.8",
  id: "E4",
  async run(server) {
    const verdict = await ask(server, "GET", "");
    return verdict.mark === "✓" ? await ask(server, "POST", "hello") : verdict;
  },
};

function ask({ port }: ServerUnderTest, method: string, body: string): Promise<Verdict> {
  const framing = body === "" ? [] : [`Content-Length: ${body.length}`];
  return talk(port, async (socket) => {
    socket.send(
      head(`${method} /tea HTTP/1.1`, "Host: a.test", "Connection: Upgrade", "Upgrade: h2c", ...framing) + body,
    );
    const what = method === "GET" ? "a GET" : "a POST";
    if (!await socket.until(`${method} /tea ${body}`)) {
      const [status] = statuses(socket);
      return wrong(status === undefined ? `${what} gets no answer` : `${what} gets ${status}`);
    }
    socket.send(head("GET /more HTTP/1.1", "Host: a.test"));
    return await socket.until("GET /more ") ? right() : wrong(`${what} is the last request`);
  });
}
