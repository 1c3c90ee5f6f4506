/**
 * Whether white space between a field's name and its colon is refused.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const spaceBeforeColon: ServerProbe = {
  title: "white space before a colon: 400",
  clause: "RFC 9112 §5.1",
  id: "A6",
  run({ port }) {
    return talk(port, async (socket) => {
      socket.send(`${head("POST / HTTP/1.1", "Host: a.test", "Content-Length : 5")}hello`);
      await socket.until("\r\n\r\n");
      const [status] = statuses(socket);
      return status === 400 ? right() : wrong(status === undefined ? "no answer" : `answers ${status}`);
    });
  },
};
