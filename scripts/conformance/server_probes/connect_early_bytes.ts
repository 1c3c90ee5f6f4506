/**
 * Whether what comes in one packet with a CONNECT reaches the target.
 *
 * @module
 */

import { quote, statuses, talk } from "../play_client.ts";
import type { ServerProbe } from "../probe.ts";
import { head, listen, type RawSocket } from "../raw_socket.ts";
import { notApplicable, right, wrong } from "../verdict.ts";

/** See the module. */
export const connectEarlyBytes: ServerProbe = {
  title: "bytes that come with a CONNECT are not lost",
  clause: "RFC 9110 §9.3.6",
  id: "E7",
  async run({ port, tunnels }) {
    if (!tunnels) return notApplicable();
    let accepted: (socket: RawSocket) => void = () => {};
    const dialed = new Promise<RawSocket>((resolve) => accepted = resolve);
    const target = await listen((socket) => accepted(socket));
    const authority = `127.0.0.1:${target.port}`;
    try {
      return await talk(port, async (socket) => {
        socket.send(`${head(`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`)}early, `);
        if (!await socket.until("\r\n\r\n")) return wrong("no answer");
        if (statuses(socket)[0] !== 200) return wrong(`answers ${statuses(socket)[0]}`);
        const far = await dialed;
        socket.send("late");
        await far.until("late");
        return far.received === "early, late" ? right() : wrong(`the target hears ${quote(far.received)}`);
      });
    } finally {
      target.close();
    }
  },
};
