/**
 * Whether each side of a tunnel can end on its own.
 *
 * @module
 */

import { statuses, talk } from "../play_client.ts";
import type { ServerProbe, ServerUnderTest } from "../probe.ts";
import { head, listen, type RawSocket } from "../raw_socket.ts";
import { notApplicable, right, type Verdict, wrong } from "../verdict.ts";

/** See the module. */
export const connectHalfClose: ServerProbe = {
  title: "each side of a tunnel ends (FIN) on its own",
  clause: "RFC 9293 §3.6",
  id: "F6",
  async run(server) {
    if (!server.tunnels) return notApplicable();
    const verdict = await ends(server, "client");
    return verdict.mark === "✓" ? await ends(server, "target") : verdict;
  },
};

async function ends({ port }: ServerUnderTest, first: "client" | "target"): Promise<Verdict> {
  let accepted: (socket: RawSocket) => void = () => {};
  const dialed = new Promise<RawSocket>((resolve) => accepted = resolve);
  const listener = await listen((socket) => accepted(socket));
  const authority = `127.0.0.1:${listener.port}`;
  try {
    return await talk(port, async (client) => {
      client.send(head(`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`));
      if (!await client.until("\r\n\r\n")) return wrong("no answer");
      if (statuses(client)[0] !== 200) return wrong(`answers ${statuses(client)[0]}`);
      const target = await dialed;
      const [one, other] = first === "client" ? [client, target] : [target, client];
      one.send("that is all");
      one.end();
      if (!await other.until("that is all")) return wrong(`what the ${first} says is lost`);
      if (!await other.untilEnd()) return wrong(`the ${first}'s end is not passed on`);
      other.send("thank you");
      other.end();
      if (!await one.until("thank you")) return wrong(`the ${first} ends: the answer is lost`);
      return await one.untilEnd() ? right() : wrong("the second end is not passed on");
    });
  } finally {
    listener.close();
  }
}
