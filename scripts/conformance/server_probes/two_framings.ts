/**
 * Whether a request that says twice how long it is can smuggle another one.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const twoFramings: ServerProbe = {
  title: "length and `Transfer-Encoding`: closes",
  clause: "RFC 9112 §6.1",
  id: "B1",
  run({ port }) {
    return talk(port, async (socket) => {
      const smuggled = head("GET /smuggled HTTP/1.1", "Host: a.test");
      socket.send(
        head("POST / HTTP/1.1", "Host: a.test", "Content-Length: 5", "Transfer-Encoding: chunked") +
          `0\r\n\r\n${smuggled}`,
      );
      const ended = await socket.untilEnd();
      const [status] = statuses(socket);
      if (socket.received.includes("GET /smuggled")) return wrong("executes what follows");
      if (status === undefined) return wrong("no answer");
      if (!ended) return wrong(`answers ${status}, stays open`);
      return right(status === 400 ? "" : `${status}, then closes`);
    });
  },
};
