/**
 * Whether a client accepts a 101 that does not say what is spoken.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeUnnamed: ClientProbe = {
  title: "a 101 that names no protocol is an error",
  clause: "RFC 9110 §15.2.2",
  id: "E9",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (socket) => {
        socket.send(head("HTTP/1.1 101 Switching Protocols"));
        socket.end();
      },
      ({ outcome }) => outcome.type === "error" ? right() : wrong(described(outcome)),
    );
  },
};
