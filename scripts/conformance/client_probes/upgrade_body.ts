/**
 * Whether an upgrade can be asked for with a body, as Docker's clients do.
 *
 * @module
 */

import { described, exchange, switching } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { notApplicable, right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeBody: ClientProbe = {
  title: "an upgrade request can have a body",
  clause: "RFC 9110 §7.8",
  id: "E10",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, "hello"),
      async (socket) => {
        await socket.until("hello");
        socket.send(head(...switching));
        await socket.until(/ping/);
        socket.end();
        await socket.untilEnd();
      },
      ({ outcome, sent }) => {
        if (outcome.type === "unable") return notApplicable();
        if (outcome.type !== "switched") return wrong(described(outcome));
        const behind = sent.slice(sent.indexOf("\r\n\r\n") + 4);
        return /^(?:hello|5\r\nhello\r\n0\r\n\r\n)ping/.test(behind) ? right() : wrong("nothing can be written");
      },
    );
  },
};
