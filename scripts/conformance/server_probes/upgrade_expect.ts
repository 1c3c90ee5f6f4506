/**
 * Whether a client that waits for a 100 gets it before the 101.
 *
 * @module
 */

import { dialectOf, statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeExpect: ServerProbe = {
  title: "100 before 101 if the client waits for it",
  clause: "RFC 9110 §7.8",
  id: "E6",
  run(server) {
    const { fields } = dialectOf(server);
    const method = server.speaks === "echo" ? "POST" : "GET";
    return talk(server.port, async (socket) => {
      socket.send(head(
        `${method} / HTTP/1.1`,
        "Host: a.test",
        "Connection: Upgrade",
        ...fields,
        "Expect: 100-continue",
        "Content-Length: 5",
      ));
      if (!await socket.until("\r\n\r\n")) return wrong("no answer until the body is there");
      const [first] = statuses(socket);
      if (first !== 100) return wrong(first === 101 ? "101 without a 100" : `answers ${first}`);
      socket.send("hello");
      await socket.until(/ 100 .*\r\n\r\n.*\r\n\r\n/s);
      const answers = statuses(socket).join(", ");
      return answers === "100, 101" ? right() : wrong(`answers ${answers}`);
    });
  },
};
