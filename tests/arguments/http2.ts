import { duplexPair } from "../../src/duplex/pair.ts";
import * as http2 from "../../src/http2/mod.ts";
import { http1Table, wrongDuplexes } from "./http1.ts";
import { CONSTANT, MADE_HERE, type Table, TAKES_ANYTHING, TAKES_NOTHING, type Wrong } from "./wrong.ts";

/** What no compiler lets pass. */
// deno-lint-ignore no-explicit-any
const wrong = (value: unknown): any => value;

const ok = () => ({ status: 200 });

const wrongOptions = (call: (options: unknown) => unknown): readonly Wrong[] => [
  ["null for options", () => call(null), "options"],
  ["a number for options", () => call(1), "options"],
  ["a number for limits", () => call({ limits: 1 }), "options.limits"],
  ["a text for a limit", () => call({ limits: { maxFields: "9" } }), "limits.maxFields"],
  ["a limit below 0", () => call({ limits: { maxResets: -1 } }), "limits.maxResets", "RangeError"],
  ["frames that are too short", () => call({ limits: { maxFrameBytes: 1000 } }), "limits.maxFrameBytes", "RangeError"],
];

const wrongTimes = (call: (options: unknown) => unknown): readonly Wrong[] => [
  ["a text for a time", () => call({ writeTimeoutMs: "1000" }), "options.writeTimeoutMs"],
  ["a time below 0", () => call({ closeTimeoutMs: -1 }), "options.closeTimeoutMs", "RangeError"],
];

/** Sends a request to a server. */
function send(request: unknown, options?: unknown): Promise<unknown> {
  const [near, far] = duplexPair();
  http2.serveConnection(far, ok);
  const { sender, connection } = http2.handshake(near);
  return sender.send(wrong(request), wrong(options)).finally(() => connection.abort());
}

const control = { method: "POST", scheme: "https", authority: "a", path: "/", protocol: null };

function sending(): http2.Http2ClientMachine {
  const machine = new http2.Http2ClientMachine();
  machine.sendRequest({ ...control, fields: [] }, false);
  return machine;
}

function answering(): http2.Http2ServerMachine {
  const machine = new http2.Http2ServerMachine();
  for (const bytes of sending().take()) machine.receive(bytes);
  while (machine.next().type !== "request");
  return machine;
}

type Machine = http2.Http2ClientMachine | http2.Http2ServerMachine;

const shared = (name: string, make: () => Machine): Table => ({
  [`${name}.receive`]: [["text", () => make().receive(wrong("x")), "bytes"]],
  [`${name}.receiveEof`]: TAKES_NOTHING,
  [`${name}.next`]: TAKES_NOTHING,
  [`${name}.take`]: TAKES_NOTHING,
  [`${name}.keepInput`]: TAKES_NOTHING,
  [`${name}.recycle`]: TAKES_ANYTHING,
  [`${name}.sendData`]: [["text", () => make().sendData(1, wrong("x")), "bytes"]],
  [`${name}.sendMark`]: "without an effect on a stream that is not open",
  [`${name}.sendEnd`]: [["a text for trailers", () => make().sendEnd(1, wrong("a: b")), "trailers"]],
  [`${name}.resetStream`]: "without an effect on a stream that is not open",
  [`${name}.consume`]: "without an effect on a stream that is not open",
  [`${name}.forgive`]: TAKES_ANYTHING,
  [`${name}.shutdown`]: TAKES_ANYTHING,
  [`${name}.ping`]: [["text", () => make().ping(wrong("12345678")), "payload"]],
});

/** What `./http2` has besides the functions of `./http1`. */
export const http2Only: Table = {
  DEFAULT_HTTP2_LIMITS: CONSTANT,
  Http2Error: MADE_HERE,
  Http2Machine: "abstract: its methods are rows of the two machines that have them",
  Http2ClientConnection: MADE_HERE,
  Http2ServerConnection: MADE_HERE,
  handshake: [
    ...wrongDuplexes((io) => http2.handshake(wrong(io)), "io"),
    ...wrongOptions((options) => http2.handshake(duplexPair()[0], wrong(options))),
    ...wrongTimes((options) => http2.handshake(duplexPair()[0], wrong(options))),
    ["another scheme", () => http2.handshake(duplexPair()[0], { scheme: wrong("ws") }), "options.scheme"],
  ],
  serveConnection: [
    ...wrongDuplexes((io) => http2.serveConnection(wrong(io), ok), "io"),
    ["no handler", () => http2.serveConnection(duplexPair()[0], wrong(undefined)), "handler"],
    ...wrongOptions((options) => http2.serveConnection(duplexPair()[0], ok, wrong(options))),
    ...wrongTimes((options) => http2.serveConnection(duplexPair()[0], ok, wrong(options))),
    [
      "a text for a boolean",
      () => http2.serveConnection(duplexPair()[0], ok, { connectProtocol: wrong("yes") }),
      "options.connectProtocol",
    ],
  ],
  "Http2ClientConnection.send": [
    ["nothing", () => send(undefined), "request"],
    ["a URL for a request", () => send("http://a/"), "request"],
    ["a text for trailers", () => send({ method: "POST", target: "/", trailers: "a: b" }), "request.trailers"],
    ["null for options", () => send({ method: "GET", target: "/" }, null), "options"],
    ["a signal that is none", () => send({ method: "GET", target: "/" }, { signal: {} }), "options.signal"],
  ],
  "Http2ClientConnection.takesUpgrades": TAKES_NOTHING,
  "Http2ClientConnection.gracefulShutdown": TAKES_NOTHING,
  "Http2ClientConnection.abort": TAKES_ANYTHING,
  "Http2ServerConnection.gracefulShutdown": TAKES_NOTHING,
  "Http2ServerConnection.abort": TAKES_ANYTHING,
  "Http2ServerConnection.takeOver": TAKES_ANYTHING,
  Http2ClientMachine: wrongOptions((options) => new http2.Http2ClientMachine(wrong(options))),
  ...shared("Http2ClientMachine", sending),
  "Http2ClientMachine.sendRequest": [
    ["a text for a method", () => sending().sendRequest({ ...control, method: "a b", fields: [] }, true), "method"],
    ["a number for a path", () => sending().sendRequest({ ...control, path: wrong(1), fields: [] }, true), ":path"],
  ],
  Http2ServerMachine: [
    ...wrongOptions((options) => new http2.Http2ServerMachine(wrong(options))),
    [
      "a text for a boolean",
      () => new http2.Http2ServerMachine({ connectProtocol: wrong("yes") }),
      "options.connectProtocol",
    ],
  ],
  ...shared("Http2ServerMachine", () => {
    const machine = answering();
    machine.sendResponse(1, { status: 200, fields: [] }, false);
    return machine;
  }),
  "Http2ServerMachine.sendInformational": [
    [
      "a final status",
      () => answering().sendInformational(1, { status: 200, fields: [] }),
      "head.status",
      "RangeError",
    ],
  ],
  "Http2ServerMachine.sendResponse": [
    ["a status of 0", () => answering().sendResponse(1, { status: 0, fields: [] }, true), "head.status", "RangeError"],
  ],
};

export const http2Table: Table = { ...http1Table, ...http2Only };
