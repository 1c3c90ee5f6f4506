/**
 * Whether an offer in an HTTP/1.0 request is taken.
 *
 * @module
 */

import { dialectOf, statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeHttp10: ServerProbe = {
  title: "`Upgrade` on HTTP/1.0 is ignored",
  clause: "RFC 9110 §7.8",
  id: "E3",
  run(server) {
    const { fields } = dialectOf(server);
    return talk(server.port, async (socket) => {
      socket.send(head("GET / HTTP/1.0", "Host: a.test", "Connection: Upgrade", ...fields));
      await socket.until("\r\n\r\n");
      const [status] = statuses(socket);
      if (status === undefined) return wrong("no answer");
      return status === 200 ? right() : wrong(status === 101 ? "switches" : `answers ${status}`);
    });
  },
};
