/**
 * Whether CONNECT to a port that cannot be is refused.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectBadPort: ServerProbe = {
  title: "CONNECT without a port, or to port 0, is refused",
  clause: "RFC 9110 §9.3.6",
  id: "F2",
  async run({ port }) {
    for (const target of ["127.0.0.1:0", "127.0.0.1:", "127.0.0.1"]) {
      const verdict = await talk(port, async (socket) => {
        socket.send(head(`CONNECT ${target} HTTP/1.1`, `Host: ${target}`));
        await socket.until("\r\n\r\n");
        const [status] = statuses(socket);
        if (status === undefined) return wrong(`\`${target}\` gets no answer`);
        return status >= 400 ? right() : wrong(`\`${target}\` gets ${status}`);
      });
      if (verdict.mark !== "✓") return verdict;
    }
    return right();
  },
};
