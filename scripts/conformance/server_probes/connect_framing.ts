/**
 * Whether a 2xx to CONNECT is free of what would describe a body.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head, listen } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectFraming: ServerProbe = {
  title: "no length and no coding in a 2xx to CONNECT",
  clause: "RFC 9110 §9.3.6",
  id: "F3",
  async run({ port }) {
    const target = await listen(() => {});
    const authority = `127.0.0.1:${target.port}`;
    try {
      return await talk(port, async (socket) => {
        socket.send(head(`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`));
        if (!await socket.until("\r\n\r\n")) return wrong("no answer");
        const [status = 0] = statuses(socket);
        if (status < 200 || status > 299) return wrong(`answers ${status}`);
        const framing = /^(Content-Length|Transfer-Encoding):/im.exec(socket.received);
        return framing === null ? right() : wrong(`${status} with ${framing[1]}`);
      });
    } finally {
      target.close();
    }
  },
};
