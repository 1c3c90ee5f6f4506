/**
 * Whether a client speaks a protocol that it has not offered.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeOtherProtocol: ClientProbe = {
  title: "a 101 to a protocol that was not offered is an error",
  clause: "RFC 9110 §7.8",
  id: "E9",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (socket) => {
        socket.send(head("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: other"));
        socket.end();
      },
      ({ outcome }) => outcome.type === "error" ? right() : wrong(described(outcome)),
    );
  },
};
