/**
 * Whether what comes in one packet with an upgrade request reaches the new protocol.
 *
 * @module
 */

import { behindHead, quote, statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { notApplicable, right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeEarlyBytes: ServerProbe = {
  title: "bytes that come with an upgrade request are not lost",
  clause: "RFC 9110 §7.8",
  id: "E7",
  async run({ port, speaks }) {
    if (speaks === "websocket") return notApplicable();
    return await talk(port, async (socket) => {
      socket.send(`${head("GET / HTTP/1.1", "Host: a.test", "Connection: Upgrade", "Upgrade: echo")}early, `);
      if (!await socket.until("\r\n\r\n")) return wrong("no answer");
      if (statuses(socket)[0] !== 101) return wrong(`answers ${statuses(socket)[0]}`);
      socket.send("late");
      await socket.until("late");
      const echoed = behindHead(socket);
      return echoed === "early, late" ? right() : wrong(`hears ${quote(echoed)}`);
    });
  },
};
