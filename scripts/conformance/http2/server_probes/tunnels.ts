/**
 * What a server of HTTP/2 makes of CONNECT.
 *
 * @module
 */

import type { ServerProbe, ServerUnderTest } from "../../probe.ts";
import { listen, type RawSocket } from "../../raw_socket.ts";
import { notApplicable, right, type Verdict, wrong } from "../../verdict.ts";
import { data, headers, reset } from "../frames.ts";
import {
  answered,
  connectLines,
  described,
  FIRST,
  GET,
  refusesMalformed,
  statusOf,
  switched,
  talk,
} from "../play_client.ts";
import type { Http2Wire } from "../wire.ts";

/** Opens a tunnel to a target that is played too. */
async function tunneled(
  server: ServerUnderTest,
  probe: (wire: Http2Wire, dialed: Promise<RawSocket>) => Promise<Verdict>,
  early: readonly string[] = [],
): Promise<Verdict> {
  if (!server.tunnels) return notApplicable();
  let accepted!: (socket: RawSocket) => void;
  const dialed = new Promise<RawSocket>((resolve) => accepted = resolve);
  const listener = await listen((socket) => accepted(socket));
  try {
    return await talk(server.port, async (wire) => {
      wire.send(headers(FIRST, connectLines(`127.0.0.1:${listener.port}`)), ...early);
      return await switched(wire) ?? await probe(wire, dialed);
    });
  } finally {
    listener.close();
  }
}

/** See its title. */
export const connectPseudoFields: ServerProbe = {
  title: "CONNECT with `:scheme` and `:path` is malformed",
  clause: "RFC 9113 §8.5",
  id: "M10",
  run({ port }) {
    return talk(port, async (wire) => {
      wire.send(headers(FIRST, [...connectLines("127.0.0.1:9"), ":scheme: http", ":path: /"]));
      return await refusesMalformed(wire);
    });
  },
};

/** See its title. */
export const connectBadPort: ServerProbe = {
  title: "CONNECT without a port, or to port 0, is refused",
  clause: "RFC 9110 §9.3.6",
  id: "M10",
  async run(server) {
    for (const authority of ["127.0.0.1", "127.0.0.1:0"]) {
      const verdict = await talk(server.port, async (wire) => {
        wire.send(headers(FIRST, connectLines(authority)));
        await answered(wire);
        const status = statusOf(wire);
        if (status !== null) {
          return status >= 400 && status <= 499 ? right() : wrong(`\`${authority}\` ${described(wire)}`);
        }
        return wire.stream(FIRST).code !== null || wire.goaway === "PROTOCOL_ERROR"
          ? right()
          : wrong(`\`${authority}\` ${described(wire)}`);
      });
      if (verdict.mark !== "✓") return verdict;
    }
    return right();
  },
};

/** See its title. */
export const connectFraming: ServerProbe = {
  title: "no length in a 2xx to CONNECT, and no end",
  clause: "RFC 9110 §9.3.6",
  id: "F3",
  run(server) {
    return tunneled(server, (wire) => {
      const { heads, ended } = wire.stream(FIRST);
      const length = heads.flat().find((line) => /^(?:content-length|transfer-encoding):/.test(line));
      if (length !== undefined) return Promise.resolve(wrong(length));
      return Promise.resolve(ended ? wrong("ends with its head") : right());
    });
  },
};

/** See its title. */
export const connectEarlyData: ServerProbe = {
  title: "data that comes with a CONNECT is not lost",
  clause: "RFC 9110 §9.3.6",
  id: "E7",
  run(server) {
    return tunneled(server, async (_, dialed) => {
      return await (await dialed).until("early") ? right() : wrong("it is lost");
    }, [data(FIRST, "early")]);
  },
};

/** See its title. */
export const connectHalfClose: ServerProbe = {
  title: "each side of a tunnel ends on its own: END_STREAM is FIN",
  clause: "RFC 9113 §8.5",
  id: "F6",
  async run(server) {
    const verdict = await tunneled(server, async (wire, dialed) => {
      const target = await dialed;
      wire.send(data(FIRST, "that is all", true));
      if (!await target.until("that is all") || !await target.untilEnd()) return wrong("the client's end is lost");
      target.send("thank you");
      target.end();
      if (!await wire.until(() => wire.stream(FIRST).data === "thank you")) {
        return wrong("the client ends: the answer is lost");
      }
      return await wire.until(() => wire.stream(FIRST).ended) ? right() : wrong("the second end is not passed on");
    });
    return verdict.mark !== "✓" ? verdict : await tunneled(server, async (wire, dialed) => {
      const target = await dialed;
      target.send("that is all");
      target.end();
      if (!await wire.until(() => wire.stream(FIRST).ended)) return wrong("the target's end is not passed on");
      if (wire.stream(FIRST).data !== "that is all") return wrong("what the target says is lost");
      wire.send(data(FIRST, "thank you", true));
      if (!await target.until("thank you")) return wrong("the target ends: the answer is lost");
      return await target.untilEnd() ? right() : wrong("the second end is not passed on");
    });
  },
};

/** See its title. */
export const connectClientResets: ServerProbe = {
  title: "a client that resets its stream ends the connection to the target",
  clause: "RFC 9113 §8.5",
  id: "F7",
  run(server) {
    return tunneled(server, async (wire, dialed) => {
      const target = await dialed;
      wire.send(reset(FIRST, "CANCEL"));
      return await target.untilEnd() ? right() : wrong("stays open");
    });
  },
};

/** See its title. */
export const connectTargetResets: ServerProbe = {
  title: "a target that resets is RST_STREAM with CONNECT_ERROR",
  clause: "RFC 9113 §8.5",
  id: "F7",
  run(server) {
    return tunneled(server, async (wire, dialed) => {
      const target = await dialed;
      wire.send(data(FIRST, "ping"));
      await target.until("ping");
      target.reset();
      await wire.until(() => wire.stream(FIRST).code !== null || wire.stream(FIRST).ended);
      const { code, ended } = wire.stream(FIRST);
      if (code === "CONNECT_ERROR") return right();
      return wrong(code !== null ? `${code}` : ended ? "looks like an end" : "nothing");
    });
  },
};

/** See its title. */
export const connectTrailers: ServerProbe = {
  title: "HEADERS within a tunnel are an error of the stream",
  clause: "RFC 9113 §8.5",
  id: "M18",
  run(server) {
    return tunneled(server, async (wire) => {
      wire.send(headers(FIRST, ["x-trailer: 1"], true));
      await wire.until(() => wire.stream(FIRST).code !== null || wire.goaway !== null);
      const { code } = wire.stream(FIRST);
      if (code === "PROTOCOL_ERROR" || wire.goaway === "PROTOCOL_ERROR") return right();
      return wrong(code ?? "taken for the end");
    });
  },
};

/** See its title. */
export const connectRefused: ServerProbe = {
  title: "a refused CONNECT is a response with a body, and the connection goes on",
  clause: "RFC 9113 §8.5",
  id: "F5",
  run(server) {
    if (!server.tunnels) return Promise.resolve(notApplicable());
    return talk(server.port, async (wire) => {
      wire.send(headers(FIRST, connectLines("refused.test:443")), data(FIRST, "early"));
      await wire.until(() => wire.stream(FIRST).ended || wire.stream(FIRST).code !== null);
      if (statusOf(wire) !== 403) return wrong(described(wire));
      if (wire.stream(FIRST).data !== "blocked by policy") return wrong("no body");
      wire.send(headers(FIRST + 2, GET, true));
      await answered(wire, FIRST + 2);
      return statusOf(wire, FIRST + 2) === 200 ? right() : wrong(`then ${described(wire, FIRST + 2)}`);
    });
  },
};
