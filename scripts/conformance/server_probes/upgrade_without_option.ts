/**
 * Whether an offer counts that `Connection` does not name.
 *
 * @module
 */

import { dialectOf, statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeWithoutOption: ServerProbe = {
  title: "`Upgrade` without `Connection: upgrade` is ignored",
  clause: "RFC 9110 §7.8, 6455 §4.2.1",
  id: "E3",
  run(server) {
    const { fields } = dialectOf(server);
    return talk(server.port, async (socket) => {
      socket.send(head("GET / HTTP/1.1", "Host: a.test", "Connection: keep-alive", ...fields));
      await socket.until("\r\n\r\n");
      const [status] = statuses(socket);
      if (status === undefined) return wrong("no answer");
      return status === 200 ? right() : wrong(status === 101 ? "switches" : `answers ${status}`);
    });
  },
};
