/**
 * How a client of HTTP/2 asks for a tunnel, and what it makes of the answers.
 *
 * @module
 */

import { described } from "../../play_server.ts";
import type { ClientProbe } from "../../probe.ts";
import { right, wrong } from "../../verdict.ts";
import { data, headers, reset } from "../frames.ts";
import { endFirst, exchange, FIRST, got, saidLate } from "../play_server.ts";

const TARGET = "target.test:443";

/** See its title. */
export const connectPseudoFields: ClientProbe = {
  title: "CONNECT has `:authority`, and neither `:scheme` nor `:path`",
  clause: "RFC 9113 §8.5",
  id: "M10",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      (wire) => wire.send(headers(FIRST, [":status: 200"]), data(FIRST, "", true)),
      ({ wire }) => {
        const lines = wire.stream(FIRST).heads[0] ?? [];
        const more = lines.find((line) => /^:(?:scheme|path):/.test(line));
        if (more !== undefined) return wrong(`has ${more.slice(0, more.indexOf(": ", 1))}`);
        return lines.includes(`:authority: ${TARGET}`) ? right() : wrong("another `:authority`");
      },
    );
  },
};

/** See its title. */
export const connectEarlyData: ClientProbe = {
  title: "data that comes with the 2xx to CONNECT is not lost",
  clause: "RFC 9110 §9.3.6",
  id: "E8",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      (wire) => wire.send(headers(FIRST, [":status: 200"]), data(FIRST, "early", true)),
      got("early"),
    );
  },
};

/** See its title. */
export const connectAny2xx: ClientProbe = {
  title: "every 2xx opens the tunnel, 204 too",
  clause: "RFC 9110 §9.3.6",
  id: "R8",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      (wire) => wire.send(headers(FIRST, [":status: 204"]), data(FIRST, "early", true)),
      got("early", "what comes is lost"),
    );
  },
};

/** See its title. */
export const connectFraming: ClientProbe = {
  title: "a length in the 2xx is ignored",
  clause: "RFC 9110 §9.3.6",
  id: "R7",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      (wire) => wire.send(headers(FIRST, [":status: 200", "content-length: 2"]), data(FIRST, "early", true)),
      got("early", "what comes is lost"),
    );
  },
};

/** See its title. */
export const connectHalfClose: ClientProbe = {
  title: "each side of a tunnel ends on its own",
  clause: "RFC 9113 §8.5",
  id: "F6",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      endFirst,
      saidLate,
    );
  },
};

/** See its title. */
export const connectReset: ClientProbe = {
  title: "a tunnel that is reset does not look like one that has ended",
  clause: "RFC 9113 §8.5",
  id: "F7",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      async (wire) => {
        wire.send(headers(FIRST, [":status: 200"]));
        await wire.until(() => wire.stream(FIRST).data.includes("ping"));
        wire.send(reset(FIRST, "CONNECT_ERROR"));
      },
      ({ outcome }) => outcome.type === "error" ? right() : wrong(described(outcome)),
    );
  },
};

/** See its title. */
export const connectTrailers: ClientProbe = {
  title: "HEADERS within a tunnel are an error of the stream",
  clause: "RFC 9113 §8.5",
  id: "M18",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      async (wire) => {
        wire.send(headers(FIRST, [":status: 200"]));
        await wire.until(() => wire.stream(FIRST).data.includes("ping"));
        wire.send(headers(FIRST, ["x-trailer: 1"], true));
        await wire.until(() => wire.stream(FIRST).code !== null || wire.goaway !== null || wire.stream(FIRST).ended);
      },
      ({ outcome, wire }) => {
        const code = wire.stream(FIRST).code ?? wire.goaway;
        if (outcome.type === "error" && code === "PROTOCOL_ERROR") return right();
        return wrong(outcome.type === "switched" ? "taken for the end" : described(outcome));
      },
    );
  },
};

/** See its title. */
export const connectRefused: ClientProbe = {
  title: "a refused CONNECT is a response with a body",
  clause: "RFC 9110 §9.3.6",
  id: "F5",
  run(client) {
    return exchange(
      (port) => client.connect(port, TARGET),
      (wire) => wire.send(headers(FIRST, [":status: 407"]), data(FIRST, "who is it", true)),
      ({ outcome }) => {
        if (outcome.type !== "response") return wrong(outcome.type === "error" ? "only an error" : described(outcome));
        return outcome.status === 407 && outcome.body === "who is it" ? right() : wrong("no body");
      },
    );
  },
};

/** See its title. */
export const connectionFields: ClientProbe = {
  title: "a response with `Connection`, `Upgrade` or `Transfer-Encoding` is malformed",
  clause: "RFC 9113 §8.2.2",
  id: "M3",
  async run(client) {
    for (const line of ["connection: upgrade", "upgrade: h2c", "transfer-encoding: chunked"]) {
      const verdict = await exchange(
        (port) => client.get(port),
        (wire) => wire.send(headers(FIRST, [":status: 200", line]), data(FIRST, "ok", true)),
        ({ outcome }) => outcome.type === "error" ? right() : wrong(`${line.split(":")[0]}: ${described(outcome)}`),
      );
      if (verdict.mark !== "✓") return verdict;
    }
    return right();
  },
};
