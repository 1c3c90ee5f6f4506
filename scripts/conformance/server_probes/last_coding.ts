/**
 * Whether a body whose end cannot be known is refused.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const lastCoding: ServerProbe = {
  title: "a last coding that is not `chunked`: 400, closes",
  clause: "RFC 9112 §6.3",
  id: "B2",
  run({ port }) {
    return talk(port, async (socket) => {
      socket.send(
        head("POST / HTTP/1.1", "Host: a.test", "Transfer-Encoding: chunked, gzip") +
          head("GET /smuggled HTTP/1.1", "Host: a.test"),
      );
      const ended = await socket.untilEnd();
      const [status] = statuses(socket);
      if (socket.received.includes("GET /smuggled")) return wrong("executes what follows");
      if (status === undefined) return wrong(ended ? "closes without an answer" : "waits");
      if (status < 400) return wrong(`answers ${status}`);
      if (!ended) return wrong(`answers ${status}, stays open`);
      return right(status === 400 ? "" : `${status}`);
    });
  },
};
