/**
 * Whether requests without exactly one Host are refused.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const host: ServerProbe = {
  title: "no `Host`, or two: 400",
  clause: "RFC 9112 §3.2",
  id: "A1",
  async run({ port }) {
    for (const hosts of [[], ["Host: a.test", "Host: b.test"]]) {
      const verdict = await talk(port, async (socket) => {
        socket.send(head("GET / HTTP/1.1", ...hosts));
        await socket.until("\r\n\r\n");
        const [status] = statuses(socket);
        const which = hosts.length === 0 ? "none" : "two";
        return status === 400 ? right() : wrong(`${which}: ${status ?? "no answer"}`);
      });
      if (verdict.mark !== "✓") return verdict;
    }
    return right();
  },
};
