/**
 * Whether CONNECT names its target in Host.
 *
 * @module
 */

import { exchange } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectHost: ClientProbe = {
  title: "`Host` of CONNECT is the target by default",
  clause: "RFC 9112 §3.2",
  id: "F1",
  run(client) {
    return exchange(
      (port) => client.connect(port, "target.test:8443"),
      (socket) => {
        socket.send(head("HTTP/1.1 200 OK"));
        socket.end();
      },
      ({ sent }) => {
        const [line] = sent.split("\r\n");
        if (line !== "CONNECT target.test:8443 HTTP/1.1") return wrong(`asks \`${line}\``);
        const host = /^host:[ \t]*(.*?)\r$/im.exec(sent)?.[1];
        if (host === "target.test:8443") return right();
        return wrong(
          host === undefined ? "no `Host`" : host.startsWith("target.test") ? "without the port" : "the proxy's",
        );
      },
    );
  },
};
