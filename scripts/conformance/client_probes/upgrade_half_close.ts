/**
 * Whether a client can still write after the server has ended its side.
 *
 * @module
 */

import { described, exchange, switching } from "../play_server.ts";
import { quote } from "../play_client.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeHalfClose: ClientProbe = {
  title: "after the switch each side ends (FIN) on its own",
  clause: "RFC 9293 §3.6",
  id: "F6",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      async (socket) => {
        socket.send(head(...switching));
        await socket.until("ping");
        socket.end();
        await socket.untilEnd();
      },
      ({ outcome, sent }) => {
        if (outcome.type !== "switched") return wrong(described(outcome));
        const said = sent.slice(sent.indexOf("\r\n\r\n") + 4);
        return said === "pinglate" ? right() : wrong(`only ${quote(said)} comes`);
      },
    );
  },
};
