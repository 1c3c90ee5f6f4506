import * as websocket from "../../src/websocket/mod.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { wrongDuplexes } from "./http1.ts";
import { CONSTANT, MADE_HERE, type Table, TAKES_ANYTHING, TAKES_NOTHING, type Wrong } from "./wrong.ts";

/** What no compiler lets pass. */
// deno-lint-ignore no-explicit-any
const wrong = (value: unknown): any => value;

/** What each WebSocket can be told. */
function wrongWebSocketOptions(call: (options: unknown) => unknown): readonly Wrong[] {
  return [
    ["null for options", () => call(null), "options"],
    ["a number for options", () => call(1), "options"],
    ["a text for a size", () => call({ maxMessageBytes: "1" }), "options.maxMessageBytes"],
    ["NaN for a size", () => call({ maxMessageBytes: NaN }), "options.maxMessageBytes", "RangeError"],
    ["a time below 0", () => call({ pingIntervalMs: -1 }), "options.pingIntervalMs", "RangeError"],
    ["null for a time", () => call({ closeTimeoutMs: null }), "options.closeTimeoutMs"],
    ["no clock", () => call({ clock: 1 }), "options.clock"],
  ];
}

function wrongDeflate(call: (deflate: unknown) => unknown, name: string): readonly Wrong[] {
  return [
    ["a text for compression", () => call("fast"), name],
    ["a text for a boolean", () => call({ serverNoContextTakeover: "no" }), `${name}.serverNoContextTakeover`],
    ["a text for a window", () => call({ serverMaxWindowBits: "15" }), `${name}.serverMaxWindowBits`],
    ["a window of 7", () => call({ clientMaxWindowBits: 7 }), `${name}.clientMaxWindowBits`, "RangeError"],
    ["a window of 16", () => call({ serverMaxWindowBits: 16 }), `${name}.serverMaxWindowBits`, "RangeError"],
    ["a threshold below 0", () => call({ thresholdBytes: -1 }), `${name}.thresholdBytes`, "RangeError"],
    ["a level of 10", () => call({ level: 10 }), `${name}.level`, "RangeError"],
  ];
}

/** What a client's handshake can be told. */
export function wrongClientHandshakes(call: (options: unknown) => unknown): readonly Wrong[] {
  return [
    ...wrongWebSocketOptions(call),
    ...wrongDeflate((deflate) => call({ deflate }), "options.deflate"),
    ["a text for subprotocols", () => call({ protocols: "chat" }), "options.protocols"],
    ["a number among subprotocols", () => call({ protocols: ["chat", 1] }), "options.protocols[1]"],
    ["a text for headers", () => call({ headers: "a: b" }), "options.headers"],
    ["texts for pairs", () => call({ headers: ["ab"] }), "options.headers"],
    ["a signal that is none", () => call({ signal: {} }), "options.signal"],
    ["a number for a proxy", () => call({ proxy: 3128 }), "options.proxy"],
    ["a boolean for tls", () => call({ tls: true }), "options.tls"],
    ["no function to dial with", () => call({ dial: {} }), "options.dial"],
    ["another client", () => call({ client: {} }), "options.client.upgrade"],
  ];
}

/** What a server's handshake can be told. */
export function wrongServerHandshakes(call: (options: unknown) => unknown): readonly Wrong[] {
  return [
    ...wrongWebSocketOptions(call),
    ...wrongDeflate((deflate) => call({ deflate }), "options.deflate"),
    ["a text for subprotocols", () => call({ protocols: "chat" }), "options.protocols"],
    ["another rule for origins", () => call({ checkOrigin: "same-site" }), "options.checkOrigin"],
    ["a boolean for origins", () => call({ checkOrigin: true }), "options.checkOrigin"],
    ["a text for headers", () => call({ headers: "a: b" }), "options.headers"],
  ];
}

/** Of the machine. */
function machine(): websocket.WebSocketMachine {
  return new websocket.WebSocketMachine({ role: "server" });
}

/** An open WebSocket whose peer says nothing. */
function open(): websocket.WebSocketConnection {
  return websocket.webSocketOver(duplexPair()[0], { role: "server" });
}

async function opened(act: (io: websocket.WebSocketConnection) => unknown): Promise<void> {
  const io = open();
  try {
    await act(io);
  } finally {
    io.abort();
  }
}

/** A wrong close is one at once: nothing is closed by it. */
export function wrongCloses(call: (options: unknown) => unknown): readonly Wrong[] {
  return [
    ["a number for options", () => call(1000), "options"],
    ["null for options", () => call(null), "options"],
    ["a text for a code", () => call({ closeCode: "1000" }), "closeCode"],
    ["a number for a reason", () => call({ closeCode: 1000, reason: 1 }), "reason"],
  ];
}

const { WebSocketMachine, webSocketOver, upgradeWebSocket } = websocket;
const fields = new Fields();
const key = "dGhlIHNhbXBsZSBub25jZQ==";
const request = { proposal: { type: "none" }, fields };

export const webSocketTable: Table = {
  DEFAULT_MAX_MESSAGE_BYTES: CONSTANT,
  MAX_REASON_BYTES: CONSTANT,
  WebSocketProtocolError: MADE_HERE,
  WebSocketConnection: MADE_HERE,
  "WebSocketConnection.read": TAKES_NOTHING,
  "WebSocketConnection.discard": TAKES_NOTHING,
  "WebSocketConnection.write": [
    ["a number", () => opened((io) => io.write(wrong(1))), "message"],
    ["an object", () => opened((io) => io.write(wrong({}))), "message"],
    ["nothing", () => opened((io) => io.write(wrong(undefined))), "message"],
    ["null for options", () => opened((io) => io.write("x", wrong(null))), "options"],
    ["another kind", () => opened((io) => io.write("x", { kind: wrong("utf8") })), "options.kind"],
  ],
  "WebSocketConnection.writeParts": [
    ["text", () => opened((io) => io.writeParts(wrong("parts"))), "parts"],
    ["a list", () => opened((io) => io.writeParts(wrong(["a"]))), "parts"],
    ["nothing", () => opened((io) => io.writeParts(wrong(undefined))), "parts"],
  ],
  "WebSocketConnection.ping": [
    ["text", () => opened((io) => io.ping(wrong("x"))), "payload"],
    ["a number", () => opened((io) => io.ping(wrong(4))), "payload"],
    ["126 bytes", () => opened((io) => io.ping(new Uint8Array(126))), "payload", "RangeError"],
  ],
  "WebSocketConnection.close": wrongCloses((options) => opened((io) => io.close(wrong(options)))),
  "WebSocketConnection.abort": TAKES_ANYTHING,
  Topic: [
    ["null for options", () => new websocket.Topic(wrong(null)), "options"],
    ["a text for a number", () => new websocket.Topic({ maxWaitingBytes: wrong("1") }), "options.maxWaitingBytes"],
    ["a size below 0", () => new websocket.Topic({ maxWaitingBytes: -1 }), "options.maxWaitingBytes", "RangeError"],
    ["another policy", () => new websocket.Topic({ whenFull: wrong("drop") }), "options.whenFull"],
  ],
  "Topic.add": [
    ["nothing", () => new websocket.Topic().add(wrong(undefined)), "connection"],
    ["another object", () => new websocket.Topic().add(wrong({ write() {} })), "connection"],
  ],
  "Topic.has": TAKES_ANYTHING,
  "Topic.delete": TAKES_ANYTHING,
  "Topic.publish": [
    ["a number", () => new websocket.Topic().publish(wrong(1)), "message"],
    ["nothing", () => new websocket.Topic().publish(wrong(undefined)), "message"],
    ["null for options", () => new websocket.Topic().publish("x", wrong(null)), "options"],
    ["another kind", () => new websocket.Topic().publish("x", { kind: wrong("utf8") }), "options.kind"],
    ["a text for a connection", () => new websocket.Topic().publish("x", { except: wrong("me") }), "options.except"],
  ],
  webSocketOver: [
    ...wrongDuplexes((io) => webSocketOver(wrong(io), { role: "client" }), "duplex"),
    ["no options", () => webSocketOver(duplexPair()[0], wrong(undefined)), "options"],
    ["no role", () => webSocketOver(duplexPair()[0], wrong({})), "options.role"],
    ["another role", () => webSocketOver(duplexPair()[0], { role: wrong("peer") }), "options.role"],
    [
      "text for bytes",
      () => webSocketOver(duplexPair()[0], { role: "client", readBuf: wrong("x") }),
      "options.readBuf",
    ],
    [
      "a list for extensions",
      () => webSocketOver(duplexPair()[0], { role: "client", extensions: wrong([]) }),
      "options.extensions",
    ],
    [
      "a list for a subprotocol",
      () => webSocketOver(duplexPair()[0], { role: "client", protocol: wrong(["a"]) }),
      "options.protocol",
    ],
    ...wrongWebSocketOptions((options) =>
      webSocketOver(
        duplexPair()[0],
        options === null || typeof options !== "object" ? wrong(options) : { role: "client", ...options },
      )
    ),
    ...wrongDeflate(
      (deflate) => webSocketOver(duplexPair()[0], { role: "client", deflate: wrong(deflate) }),
      "options.deflate",
    ),
  ],
  upgradeWebSocket: [
    ["nothing", () => upgradeWebSocket(wrong(undefined)), "request"],
    ["a response", () => upgradeWebSocket(wrong(new Response())), "request"],
    ["no function", () => upgradeWebSocket(wrong(request), {}, wrong({})), "onOpen"],
    ...wrongServerHandshakes((options) => upgradeWebSocket(wrong(request), wrong(options))),
  ],
  WebSocketMachine: [
    ["nothing", () => new WebSocketMachine(wrong(undefined)), "options"],
    ["no role", () => new WebSocketMachine(wrong({})), "options.role"],
    ["a client without keys", () => new WebSocketMachine(wrong({ role: "client" })), "options.maskingKey"],
    ["a number for a key", () => new WebSocketMachine(wrong({ role: "client", maskingKey: 1 })), "options.maskingKey"],
    [
      "a text for a size",
      () => new WebSocketMachine({ role: "server", maxMessageBytes: wrong("1") }),
      "options.maxMessageBytes",
    ],
    [
      "a size below 0",
      () => new WebSocketMachine({ role: "server", maxMessageBytes: -1 }),
      "options.maxMessageBytes",
      "RangeError",
    ],
    [
      "a text for a boolean",
      () => new WebSocketMachine({ role: "server", mayCompress: wrong("no") }),
      "options.mayCompress",
    ],
    ["a number for a codec", () => new WebSocketMachine({ role: "server", codec: wrong(1) }), "options.codec"],
    [
      "a codec that cannot be called",
      () => new WebSocketMachine({ role: "server", codec: { isText: wrong(true) } }),
      "options.codec.isText",
    ],
  ],
  TextBytes: "the constructor is that of Uint8Array",
  "TextBytes.toString": TAKES_NOTHING,
  "WebSocketMachine.receive": [["text", () => machine().receive(wrong("x")), "chunk"]],
  "WebSocketMachine.keepInput": TAKES_NOTHING,
  "WebSocketMachine.receiveEof": TAKES_NOTHING,
  "WebSocketMachine.next": TAKES_NOTHING,
  "WebSocketMachine.send": [
    ["a number", () => machine().send(wrong(1)), "payload"],
    ["an ArrayBuffer", () => machine().send(wrong(new ArrayBuffer(1))), "payload"],
    ["null for a part", () => machine().send("x", wrong(null)), "part"],
  ],
  "WebSocketMachine.ping": [
    ["text", () => machine().ping(wrong("x")), "payload"],
    ["126 bytes", () => machine().ping(new Uint8Array(126)), "payload", "RangeError"],
  ],
  "WebSocketMachine.close": [
    ["a text for a code", () => machine().close(wrong("1000")), "closeCode"],
    ["a number for a reason", () => machine().close(1000, wrong(1)), "reason"],
  ],
  "WebSocketMachine.take": TAKES_NOTHING,
  "WebSocketMachine.recycle": TAKES_ANYTHING,
  acceptDeflate: [
    ["nothing", () => websocket.acceptDeflate(wrong(undefined), {}), "offers"],
    ["no options", () => websocket.acceptDeflate("", wrong(undefined)), "options"],
    ...wrongDeflate((options) => websocket.acceptDeflate("", wrong(options)), "options"),
  ],
  acceptOf: [["nothing", () => websocket.acceptOf(wrong(undefined)), "key"]],
  agreedDeflate: [
    ["nothing", () => websocket.agreedDeflate(wrong(undefined), {}), "value"],
    ...wrongDeflate((options) => websocket.agreedDeflate("", wrong(options)), "options"),
  ],
  checkWebSocketResponse: [
    ["a record for fields", () => websocket.checkWebSocketResponse(wrong({}), key, []), "fields"],
    ["headers for fields", () => websocket.checkWebSocketResponse(wrong(new Headers()), key, []), "fields"],
    ["no key", () => websocket.checkWebSocketResponse(fields, wrong(undefined), []), "key"],
    ["a text for subprotocols", () => websocket.checkWebSocketResponse(fields, key, wrong("chat")), "protocols"],
  ],
  deflateOffer: wrongDeflate((options) => websocket.deflateOffer(wrong(options)), "options"),
  keyOf: [
    ["text", () => websocket.keyOf(wrong("x".repeat(16))), "random"],
    ["fifteen bytes", () => websocket.keyOf(new Uint8Array(15)), "random.length", "RangeError"],
  ],
  mayBeSent: [["text", () => websocket.mayBeSent(wrong("1000")), "code"]],
  readExtensions: [["nothing", () => websocket.readExtensions(wrong(undefined)), "value"]],
  readWebSocketRequest: [
    ["nothing", () => websocket.readWebSocketRequest(wrong(undefined)), "head"],
    ["a platform's request", () => websocket.readWebSocketRequest(wrong(new Request("http://a/"))), "head.fields"],
  ],
  writeExtension: [
    ["text", () => websocket.writeExtension(wrong("permessage-deflate")), "extension"],
    ["no name", () => websocket.writeExtension(wrong({ parameters: [] })), "extension.name"],
    ["no parameters", () => websocket.writeExtension(wrong({ name: "x" })), "extension.parameters"],
  ],
};
