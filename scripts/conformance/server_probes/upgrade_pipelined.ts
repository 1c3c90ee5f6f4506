/**
 * Whether the answers to requests before an upgrade come before the 101, and nothing behind it is HTTP.
 *
 * @module
 */

import { quote, statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { notApplicable, right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradePipelined: ServerProbe = {
  title: "a request before the upgrade is answered first",
  clause: "RFC 9112 §9.3.2",
  id: "E11",
  async run({ port, speaks }) {
    if (speaks === "websocket") return notApplicable();
    return await talk(port, async (socket) => {
      const last = head("GET /last HTTP/1.1", "Host: a.test");
      socket.send(
        head("GET /first HTTP/1.1", "Host: a.test") +
          head("GET / HTTP/1.1", "Host: a.test", "Connection: Upgrade", "Upgrade: echo") + last,
      );
      await socket.until(last);
      const [first, second] = statuses(socket);
      if (first === undefined) return wrong("no answer");
      if (first !== 200) return wrong(first === 101 ? "101 comes first" : `answers ${first}`);
      if (second !== 101) return wrong(`answers 200, then ${second ?? "nothing"}`);
      return socket.received.endsWith(`\r\n\r\n${last}`)
        ? right()
        : wrong(`hears ${quote(socket.received.slice(-24))}`);
    });
  },
};
