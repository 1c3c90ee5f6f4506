/**
 * Whether something can be smuggled behind a CONNECT that is refused.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectRefused: ServerProbe = {
  title: "a refused CONNECT closes, what follows is no request",
  clause: "RFC 9931",
  id: "O3",
  run({ port }) {
    return talk(port, async (socket) => {
      const smuggled = head("GET /smuggled HTTP/1.1", "Host: a.test");
      socket.send(head("CONNECT refused.test:443 HTTP/1.1", "Host: refused.test:443") + smuggled);
      const ended = await socket.untilEnd();
      const [status] = statuses(socket);
      if (socket.received.includes("GET /smuggled")) return wrong("executes what follows");
      if (status === undefined) return wrong("no answer");
      if (status < 300) return wrong(`answers ${status}`);
      return ended ? right() : wrong("stays open");
    });
  },
};
