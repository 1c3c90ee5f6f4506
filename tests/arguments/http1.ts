import * as http1 from "../../src/http1/mod.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { forwardedFields, forwardProxy, reverseProxy, tunnel } from "../../src/proxy/mod.ts";
import { wrongWrites } from "./net.ts";
import { CONSTANT, MADE_HERE, type Table, TAKES_ANYTHING, TAKES_NOTHING, type Wrong } from "./wrong.ts";

/** What no compiler lets pass. */
// deno-lint-ignore no-explicit-any
const wrong = (value: unknown): any => value;

/** Numbers, booleans and functions among options: of every kind a wrong one. */
export function wrongConnectionOptions(call: (options: unknown) => unknown): readonly Wrong[] {
  return [
    ["null for options", () => call(null), "options"],
    ["a number for options", () => call(1), "options"],
    ["a text for a time", () => call({ writeTimeoutMs: "1000" }), "options.writeTimeoutMs"],
    ["null for a time", () => call({ writeTimeoutMs: null }), "options.writeTimeoutMs"],
    ["a time below 0", () => call({ closeTimeoutMs: -1 }), "options.closeTimeoutMs", "RangeError"],
    [
      "NaN for a time",
      () => call({ unclaimedUpgradeTimeoutMs: NaN }),
      "options.unclaimedUpgradeTimeoutMs",
      "RangeError",
    ],
    ["a size below 0", () => call({ maxDrainBytes: -1 }), "options.maxDrainBytes", "RangeError"],
    ["a number for limits", () => call({ limits: 1 }), "options.limits"],
    ["a text for a limit", () => call({ limits: { maxFields: "9" } }), "limits.maxFields"],
    ["a limit below 0", () => call({ limits: { maxFields: -1 } }), "limits.maxFields", "RangeError"],
    ["a text for leniency", () => call({ leniency: "hyper" }), "options.leniency"],
    ["a text for a leniency", () => call({ leniency: { bareLf: "yes" } }), "options.leniency.bareLf"],
    ["another set of leniencies", () => call({ compat: "node" }), "options.compat"],
    ["another spelling", () => call({ nameCase: "upper" }), "options.nameCase"],
    ["half a clock", () => call({ clock: { now: Date.now } }), "options.clock.setTimer"],
  ];
}

/** What a server's connection understands besides. */
export function wrongServerOptions(call: (options: unknown) => unknown): readonly Wrong[] {
  return [
    ...wrongConnectionOptions(call),
    ["a text for a boolean", () => call({ keepAlive: "no" }), "options.keepAlive"],
    ["NaN for the time of a head", () => call({ headTimeoutMs: NaN }), "options.headTimeoutMs", "RangeError"],
    ["no function for onError", () => call({ onError: {} }), "options.onError"],
  ];
}

/** Whatever takes a transport. */
export function wrongDuplexes(call: (io: unknown) => unknown, name: string): readonly Wrong[] {
  const [{ readable, writable }] = duplexPair();
  return [
    ["nothing", () => call(undefined), name],
    ["a function", () => call(() => {}), name],
    ["no streams", () => call({}), `${name}.readable`],
    ["one stream", () => call({ readable }), `${name}.writable`],
    ["streams the other way round", () => call({ readable: writable, writable: readable }), `${name}.readable`],
  ];
}

const ok = () => ({ status: 200 });

/** Sends a request to a server. */
function send(request: unknown, options?: unknown): Promise<unknown> {
  const [near, far] = duplexPair();
  http1.serveConnection(far, ok);
  const { sender, connection } = http1.handshake(near);
  return sender.send(wrong(request), wrong(options)).finally(() => connection.abort());
}

/** What a server's handler gets. */
async function withRequest(
  act: (request: http1.IncomingRequest, connection: http1.ServerConnection) => unknown,
): Promise<void> {
  const [near, far] = duplexPair();
  const { promise, settle } = deferred();
  const connection = http1.serveConnection(far, async (request) => {
    await settle(async () => void await act(request, connection));
    return { status: 200 };
  }, { onError: () => {} });
  const head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: 1\r\n\r\nx";
  await near.write(new TextEncoder().encode(head));
  try {
    await promise;
  } finally {
    connection.abort();
  }
}

function deferred() {
  let resolve: (outcome: Promise<void>) => void;
  const promise = new Promise<void>((settle) => resolve = settle);
  const settle = async (act: () => Promise<void>): Promise<void> => {
    const outcome = act();
    resolve(outcome);
    await outcome.catch(() => {});
  };
  return { promise, settle };
}

const fields = new http1.Fields([["Host", "a"]]);
const requestHead: http1.RequestHead = { method: "GET", target: "/", version: "1.1", fields };

/** Of a machine that has read a request. */
function asked(): http1.ServerMachine {
  const machine = new http1.ServerMachine();
  machine.receive(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  machine.next();
  return machine;
}

function answering(): http1.ServerMachine {
  const machine = asked();
  machine.sendResponse({ status: 200, fields: [] }, 1, null);
  return machine;
}

function sending(): http1.ClientMachine {
  const machine = new http1.ClientMachine();
  machine.sendRequest({ method: "POST", target: "/", fields: [] }, 1);
  return machine;
}

function wrongFieldLines(call: (fields: unknown) => unknown): readonly Wrong[] {
  return [
    ["text for fields", () => call("Host: a"), "fields"],
    ["a number for fields", () => call(1), "fields"],
    ["texts for lines", () => call(["ab"]), "fields[0]"],
    ["nothing for a line", () => call([["a", "b"], undefined]), "fields[1]"],
    ["a number for a name", () => call([[1, "b"]]), "field name 1"],
    ["nothing for a name", () => call([[undefined, "b"]]), "field name undefined"],
    ["nothing for a value", () => call([["a"]]), 'value of field "a"'],
    ["a number for Connection", () => call([["connection", 1]]), 'value of field "connection"'],
  ];
}

const wrongMachineOptions = (make: (options: unknown) => unknown): readonly Wrong[] => [
  ["null for options", () => make(null), "options"],
  ["a number for limits", () => make({ limits: 1 }), "options.limits"],
  ["a limit below 0", () => make({ limits: { maxHeadBytes: -1 } }), "limits.maxHeadBytes", "RangeError"],
  ["a text for a leniency", () => make({ leniency: { bareLf: "yes" } }), "options.leniency.bareLf"],
  ["another spelling", () => make({ nameCase: "upper" }), "options.nameCase"],
];

const wrongBytes = (call: (bytes: unknown) => unknown): readonly Wrong[] => [
  ["text", () => call("x"), "bytes"],
  ["nothing", () => call(undefined), "bytes"],
];

const wrongHeads = (call: (head: unknown) => unknown, name = "head"): readonly Wrong[] => [
  ["nothing", () => call(undefined), name],
  ["a head without fields", () => call({ method: "GET", status: 200, version: "1.1" }), `${name}.fields`],
  ["a head with a record", () => call({ ...requestHead, fields: { host: "a" } }), `${name}.fields`],
];

const wrongSwitches = (call: (request: unknown, protocol: unknown, init?: unknown) => unknown): readonly Wrong[] => [
  ["nothing", () => call(undefined, "echo"), "request"],
  ["a text for a request", () => call("GET /", "echo"), "request"],
  ["a response for a request", () => call({ status: 200 }, "echo"), "request"],
];

const upgradeOffered = { proposal: { type: "upgrade", protocols: ["echo"] } } as const;
const connectAsked = { proposal: { type: "connect", authority: { hostname: "a", port: 1 } } } as const;
const { upgradeResponse, connectResponse, wantsUpgrade } = http1;

export const http1Table: Table = {
  DEFAULT_LIMITS: CONSTANT,
  HYPER_LENIENCY: CONSTANT,
  ProtocolError: MADE_HERE,
  StateError: MADE_HERE,
  UnsentError: MADE_HERE,
  UpgradeRejected: MADE_HERE,
  IncomingRequest: MADE_HERE,
  IncomingResponse: MADE_HERE,
  IncomingBody: MADE_HERE,
  Sender: MADE_HERE,
  ClientConnection: MADE_HERE,
  ServerConnection: MADE_HERE,
  handshake: [
    ...wrongDuplexes((io) => http1.handshake(wrong(io)), "io"),
    ...wrongConnectionOptions((options) => http1.handshake(duplexPair()[0], wrong(options))),
    [
      "a text for a time of a client",
      () => http1.handshake(duplexPair()[0], { continueTimeoutMs: wrong("1") }),
      "options.continueTimeoutMs",
    ],
  ],
  serveConnection: [
    ...wrongDuplexes((io) => http1.serveConnection(wrong(io), ok), "io"),
    ["no handler", () => http1.serveConnection(duplexPair()[0], wrong(undefined)), "handler"],
    ["options for a handler", () => http1.serveConnection(duplexPair()[0], wrong({})), "handler"],
    ...wrongServerOptions((options) => http1.serveConnection(duplexPair()[0], ok, wrong(options))),
  ],
  "Sender.ready": TAKES_NOTHING,
  "Sender.send": [
    ["nothing", () => send(undefined), "request"],
    ["a URL for a request", () => send("http://a/"), "request"],
    ["no method", () => send({ target: "/" }), "method"],
    ["a number for a target", () => send({ method: "GET", target: 1 }), "target"],
    ["another version", () => send({ method: "GET", target: "/", version: "2" }), "version"],
    ...wrongFieldLines((fields) => send({ method: "GET", target: "/", fields })),
    ["headers", () => send({ method: "GET", target: "/", headers: { a: "b" } }), "request.headers"],
    ["a number for a body", () => send({ method: "POST", target: "/", body: 1 }), "body"],
    ["an object for a body", () => send({ method: "POST", target: "/", body: {} }), "body"],
    ["a text for trailers", () => send({ method: "POST", target: "/", trailers: "a: b" }), "request.trailers"],
    ["a text for hijack", () => send({ method: "POST", target: "/", hijack: "no" }), "request.hijack"],
    ["null for options", () => send({ method: "GET", target: "/" }, null), "options"],
    ["a signal that is none", () => send({ method: "GET", target: "/" }, { signal: {} }), "options.signal"],
    ["null for a signal", () => send({ method: "GET", target: "/" }, { signal: null }), "options.signal"],
    ["no function", () => send({ method: "GET", target: "/" }, { onInformational: 1 }), "options.onInformational"],
    [
      "NaN for a time",
      () => send({ method: "GET", target: "/" }, { continueTimeoutMs: NaN }),
      "options.continueTimeoutMs",
      "RangeError",
    ],
  ],
  "Sender.gracefulShutdown": TAKES_NOTHING,
  "Sender.abort": TAKES_ANYTHING,
  "Sender.withoutShutdown": TAKES_NOTHING,
  "Sender.intoParts": TAKES_NOTHING,
  "ClientConnection.ready": TAKES_NOTHING,
  "ClientConnection.send": "as Sender.send, which it is",
  "ClientConnection.gracefulShutdown": TAKES_NOTHING,
  "ClientConnection.abort": TAKES_ANYTHING,
  "ClientConnection.withoutShutdown": TAKES_NOTHING,
  "ClientConnection.intoParts": TAKES_NOTHING,
  "ServerConnection.gracefulShutdown": TAKES_NOTHING,
  "ServerConnection.abort": TAKES_ANYTHING,
  "ServerConnection.withoutShutdown": TAKES_NOTHING,
  "ServerConnection.intoParts": TAKES_NOTHING,
  "ServerConnection.takeOver": [
    ["nothing", () => withRequest((_, connection) => connection.takeOver(wrong(undefined))), "request"],
  ],
  "IncomingRequest.sendInformational": [
    ["a text for a status", () => withRequest((request) => request.sendInformational(wrong("103"))), "status"],
    ["no whole number", () => withRequest((request) => request.sendInformational(103.5)), "status", "RangeError"],
    ["a text for fields", () => withRequest((request) => request.sendInformational(103, wrong("Link: a"))), "fields"],
    ["numbers for lines", () => withRequest((request) => request.sendInformational(103, wrong([1]))), "fields[0]"],
  ],
  "IncomingBody.read": TAKES_NOTHING,
  "IncomingBody.bytes": [
    ["a text for a limit", () => withRequest(({ body }) => body.bytes(wrong("9"))), "maxBytes"],
    ["a limit below 0", () => withRequest(({ body }) => body.bytes(-1)), "maxBytes", "RangeError"],
  ],
  "IncomingBody.text": [["a text for a limit", () => withRequest(({ body }) => body.text(wrong("9"))), "maxBytes"]],
  "IncomingBody.json": [["a limit of NaN", () => withRequest(({ body }) => body.json(NaN)), "maxBytes", "RangeError"]],
  "IncomingBody.cancel": TAKES_ANYTHING,
  "IncomingBody.finish": "called by connections",
  "IncomingBody.fail": "called by connections",
  Fields: [
    ["text", () => new http1.Fields(wrong("a: b")), "init"],
    ["null", () => new http1.Fields(wrong(null)), "init"],
    ["texts for pairs", () => new http1.Fields(wrong(["ab"])), "init"],
    ["a number for a value", () => new http1.Fields(wrong({ a: 1 })), 'value of field "a"'],
  ],
  "Fields.fromWire": MADE_HERE,
  "Fields.compact": TAKES_NOTHING,
  "Fields.has": [["nothing", () => fields.has(wrong(undefined)), "name"]],
  "Fields.get": [["a number", () => fields.get(wrong(1)), "name"]],
  "Fields.getAll": [["a number", () => fields.getAll(wrong(1)), "name"]],
  "Fields.list": [["a number", () => fields.list(wrong(1)), "name"]],
  "Fields.hasToken": [
    ["a number for a name", () => fields.hasToken(wrong(1), "a"), "name"],
    ["no token", () => fields.hasToken("host", wrong(undefined)), "token"],
  ],
  "Fields.append": [
    ["nothing", () => new http1.Fields().append(wrong(undefined), "a"), "field name undefined"],
    ["no value", () => new http1.Fields().append("a", wrong(undefined)), 'value of field "a"'],
  ],
  "Fields.set": [["no value", () => new http1.Fields().set("a", wrong(undefined)), 'value of field "a"']],
  "Fields.delete": [["nothing", () => new http1.Fields().delete(wrong(undefined)), "name"]],
  Upgraded: [
    ...wrongDuplexes((io) => new http1.Upgraded(wrong(io), new Uint8Array(0), { protocol: null }), "io"),
    ["text for bytes", () => new http1.Upgraded(duplexPair()[0], wrong("x"), { protocol: null }), "readBuf"],
    ["no agreement", () => new http1.Upgraded(duplexPair()[0], new Uint8Array(0), wrong(undefined)), "agreed"],
  ],
  "Upgraded.read": TAKES_NOTHING,
  "Upgraded.write": [
    ...wrongWrites((bytes) => new http1.Upgraded(duplexPair()[0], new Uint8Array(0), { protocol: null }).write(bytes)),
    ...wrongWrites((bytes) => {
      const [{ readable, writable }] = duplexPair();
      return new http1.Upgraded({ readable, writable }, new Uint8Array(0), { protocol: null }).write(bytes);
    }),
  ],
  "Upgraded.closeWrite": TAKES_NOTHING,
  "Upgraded.close": TAKES_NOTHING,
  "Upgraded.abort": TAKES_ANYTHING,
  "Upgraded.downcast": [
    [
      "no function",
      () =>
        new http1.Upgraded(duplexPair()[0], new Uint8Array(0), { protocol: null }).downcast(wrong(Object.prototype)),
      "guard",
    ],
  ],
  "Upgraded.intoParts": TAKES_NOTHING,
  onUpgrade: [
    ["nothing", () => http1.onUpgrade(wrong(undefined)), "message"],
    ["text", () => http1.onUpgrade(wrong("GET /")), "message"],
  ],
  upgradeResponse: [
    ...wrongSwitches((request, protocol) => upgradeResponse(wrong(request), wrong(protocol))),
    ["no protocol", () => upgradeResponse(upgradeOffered, wrong(undefined)), "protocol"],
    ["a number among protocols", () => upgradeResponse(upgradeOffered, wrong(["echo", 1])), "protocol[1]"],
    ["null for more", () => upgradeResponse(upgradeOffered, "echo", wrong(null)), "init"],
    ["text for fields", () => upgradeResponse(upgradeOffered, "echo", { fields: wrong("a: b") }), "init.fields"],
    ["headers", () => upgradeResponse(upgradeOffered, "echo", wrong({ headers: { a: "b" } })), "init.headers"],
  ],
  connectResponse: [
    ...wrongSwitches((request) => connectResponse(wrong(request))),
    ["null for more", () => connectResponse(connectAsked, wrong(null)), "init"],
    ["text for fields", () => connectResponse(connectAsked, { fields: wrong("a: b") }), "init.fields"],
    ["headers", () => connectResponse(connectAsked, wrong({ headers: { a: "b" } })), "init.headers"],
  ],
  offeredProtocols: [
    ["nothing", () => http1.offeredProtocols(wrong(undefined)), "request"],
    ["a response", () => http1.offeredProtocols(wrong(new Response())), "request"],
  ],
  wantsUpgrade: [
    ...wrongSwitches((request, protocol) => wantsUpgrade(wrong(request), wrong(protocol))),
    ["a number for a protocol", () => wantsUpgrade(upgradeOffered, wrong(1)), "protocol"],
  ],
  proposalOf: [
    ...wrongHeads((head) => http1.proposalOf(wrong(head), {})),
    ["no leniency", () => http1.proposalOf(requestHead, wrong(undefined)), "leniency"],
  ],
  requestFraming: [
    ...wrongHeads((head) => http1.requestFraming(wrong(head), {})),
    ["no leniency", () => http1.requestFraming(requestHead, wrong(undefined)), "leniency"],
  ],
  responseFraming: [
    ...wrongHeads((head) => http1.responseFraming(wrong(head), "GET")),
    ["no method", () => http1.responseFraming(wrong(requestHead), wrong(undefined)), "requestMethod"],
  ],
  isPersistent: wrongHeads((head) => http1.isPersistent(wrong(head))),
  opensTunnel: [
    ["no method", () => http1.opensTunnel(wrong(undefined), 200), "method"],
    ["a text for a status", () => http1.opensTunnel("CONNECT", wrong("200")), "status"],
  ],
  parseAuthority: [["nothing", () => http1.parseAuthority(wrong(undefined)), "text"]],
  parseTarget: [
    ["no method", () => http1.parseTarget(wrong(undefined), "/"), "method"],
    ["no target", () => http1.parseTarget("GET", wrong(undefined)), "target"],
  ],
  formatAuthority: [
    ["text", () => http1.formatAuthority(wrong("a:1")), "authority"],
    ["no host", () => http1.formatAuthority(wrong({ port: 1 })), "authority.hostname"],
    ["a port as text", () => http1.formatAuthority(wrong({ hostname: "a", port: "1" })), "authority.port"],
    ["port 0", () => http1.formatAuthority({ hostname: "a", port: 0 }), "authority.port", "RangeError"],
  ],
  ServerMachine: [
    ...wrongMachineOptions((options) => new http1.ServerMachine(wrong(options))),
    ["a text for a boolean", () => new http1.ServerMachine({ keepAlive: wrong("no") }), "options.keepAlive"],
  ],
  "ServerMachine.receive": wrongBytes((bytes) => new http1.ServerMachine().receive(wrong(bytes))),
  "ServerMachine.receiveEof": TAKES_NOTHING,
  "ServerMachine.disableKeepAlive": TAKES_NOTHING,
  "ServerMachine.next": TAKES_NOTHING,
  "ServerMachine.sendInformational": [
    ["a text for a status", () => asked().sendInformational(wrong("103"), []), "status"],
    ["no fields", () => asked().sendInformational(103, wrong(undefined)), "fields"],
    ...wrongFieldLines((fields) => asked().sendInformational(103, wrong(fields))),
  ],
  "ServerMachine.sendResponse": [
    ["no head", () => asked().sendResponse(wrong(undefined), "none", null), "head"],
    ["no status", () => asked().sendResponse(wrong({ fields: [] }), "none", null), "status"],
    [
      "a status above 999",
      () => asked().sendResponse({ status: 1000, fields: [] }, "none", null),
      "status",
      "RangeError",
    ],
    ["no fields", () => asked().sendResponse(wrong({ status: 200 }), "none", null), "fields"],
    ...wrongFieldLines((fields) => asked().sendResponse({ status: 200, fields: wrong(fields) }, "none", null)),
    ["no size", () => asked().sendResponse({ status: 200, fields: [] }, wrong(undefined), null), "body"],
    ["a size below 0", () => asked().sendResponse({ status: 200, fields: [] }, -1, null), "body", "RangeError"],
    ["no date", () => asked().sendResponse({ status: 200, fields: [] }, 0, wrong(undefined)), 'value of field "date"'],
  ],
  "ServerMachine.switches": [["a text for a status", () => asked().switches(wrong("101")), "status"]],
  "ServerMachine.checkSwitch": [
    ["no head", () => asked().checkSwitch(wrong(undefined), "none"), "head"],
    ["no size", () => asked().checkSwitch({ status: 101, fields: [] }, wrong(undefined)), "body"],
  ],
  "ServerMachine.sendSwitch": [["no plan", () => asked().sendSwitch(wrong(undefined), null), "plan"]],
  "ServerMachine.sendData": wrongBytes((bytes) => answering().sendData(wrong(bytes))),
  "ServerMachine.sendEnd": [["nothing for trailers", () => answering().sendEnd(wrong(undefined)), "trailers"]],
  "ServerMachine.take": TAKES_NOTHING,
  "ServerMachine.recycle": TAKES_ANYTHING,
  "ServerMachine.nextCycle": TAKES_NOTHING,
  "ServerMachine.takeTrailing": TAKES_NOTHING,
  ClientMachine: wrongMachineOptions((options) => new http1.ClientMachine(wrong(options))),
  "ClientMachine.refusesRest": [
    ["a text for a status", () => new http1.ClientMachine().refusesRest(wrong("200")), "status"],
  ],
  "ClientMachine.receive": wrongBytes((bytes) => new http1.ClientMachine().receive(wrong(bytes))),
  "ClientMachine.receiveEof": TAKES_NOTHING,
  "ClientMachine.sendRequest": [
    ["no head", () => new http1.ClientMachine().sendRequest(wrong(undefined), "none"), "head"],
    ["no method", () => new http1.ClientMachine().sendRequest(wrong({ target: "/", fields: [] }), "none"), "method"],
    ["no target", () => new http1.ClientMachine().sendRequest(wrong({ method: "GET", fields: [] }), "none"), "target"],
    ...wrongFieldLines((fields) => {
      new http1.ClientMachine().sendRequest({ method: "GET", target: "/", fields: wrong(fields) }, "none");
    }),
    [
      "no size",
      () => new http1.ClientMachine().sendRequest({ method: "GET", target: "/", fields: [] }, wrong(undefined)),
      "body",
    ],
  ],
  "ClientMachine.sendData": wrongBytes((bytes) => sending().sendData(wrong(bytes))),
  "ClientMachine.sendEnd": [["nothing for trailers", () => sending().sendEnd(wrong(undefined)), "trailers"]],
  "ClientMachine.abandonRequest": TAKES_NOTHING,
  "ClientMachine.take": TAKES_NOTHING,
  "ClientMachine.recycle": TAKES_ANYTHING,
  "ClientMachine.next": TAKES_NOTHING,
  "ClientMachine.nextCycle": TAKES_NOTHING,
  "ClientMachine.takeTrailing": TAKES_NOTHING,
};

const joined = (options: unknown) => tunnel(duplexPair()[0], duplexPair()[0], wrong(options));

function wrongReverseProxies(): readonly Wrong[] {
  const url = "http://127.0.0.1:1";
  const to = (target: unknown): unknown => reverseProxy(wrong(target));
  const told = (options: unknown): unknown => reverseProxy(url, wrong(options));
  return [
    ["no target", () => to(undefined), "target"],
    ["a path for a target", () => to("/a"), "target"],
    ["a target of another scheme", () => to("ws://a/"), "target"],
    ["credentials in a target", () => to("http://a:b@c/"), "target"],
    ["no servers", () => to([]), "target"],
    ["a number among the servers", () => to([url, 1]), "target[1]"],
    ["a server without a place", () => to({}), "target.url"],
    ["a number for a unix socket", () => to({ unix: 1 }), "target.unix"],
    ["a text for a client", () => to({ url, client: "c" }), "target.client"],
    ["a boolean for tls", () => to({ url, tls: true }), "target.tls"],
    ["null for options", () => told(null), "options"],
    ["a name with a space", () => told({ name: "a b" }), "options.name"],
    ["both of two opposites", () => told({ changeOrigin: true, preserveHost: true }), "options.preserveHost"],
    ["a text for changeOrigin", () => told({ changeOrigin: "yes" }), "options.changeOrigin"],
    ["a text for versions", () => told({ http2: "h2" }), "options.http2"],
    ["a text for h2c", () => told({ http2: { h2c: "yes" } }), "options.http2.h2c"],
    ["true for forwarded", () => told({ forwarded: true }), "options.forwarded"],
    ["a style that is none", () => told({ forwarded: { style: "x" } }), "options.forwarded.style"],
    ["a name for trust", () => told({ forwarded: { trust: ["a.example"] } }), "options.forwarded.trust[0]"],
    ["a number for a path", () => told({ rewrite: { path: { "^/": 1 } } }), "options.rewrite.path.^/"],
    ["a number for a host", () => told({ rewrite: { host: 1 } }), "options.rewrite.host"],
    ["a number for a header", () => told({ rewrite: { headers: { a: 1 } } }), "options.rewrite.headers.a"],
    ["a list for headers", () => told({ rewrite: { responseHeaders: 1 } }), "options.rewrite.responseHeaders"],
    ["a function for cookies", () => told({ rewrite: { cookiePath: () => "" } }), "options.rewrite.cookiePath"],
    ["a text for location", () => told({ rewrite: { location: "/" } }), "options.rewrite.location"],
    ["a text for a client", () => told({ client: "c" }), "options.client"],
    ["a text for a time", () => told({ responseTimeoutMs: "1" }), "options.responseTimeoutMs"],
    ["a time below 0", () => told({ idleTimeoutMs: -1 }), "options.idleTimeoutMs", "RangeError"],
    ["a way to balance that is none", () => told({ balance: "random" }), "options.balance"],
    ["a text for retries", () => told({ retries: "1" }), "options.retries"],
    ["a number for health", () => told({ health: 1 }), "options.health"],
    ["a text for failures", () => told({ health: { maxFailures: "1" } }), "options.health.maxFailures"],
    ["no function", () => told({ onError: 1 }), "options.onError"],
    ["a signal that is none", () => told({ signal: new AbortController() }), "options.signal"],
    ["no clock", () => told({ clock: Date }), "options.clock"],
  ];
}

export const proxyTable: Table = {
  tunnel: [
    ...wrongDuplexes((a) => tunnel(wrong(a), duplexPair()[0]), "a"),
    ...wrongDuplexes((b) => tunnel(duplexPair()[0], wrong(b)), "b"),
    ["null for options", () => joined(null), "options"],
    ["a text for a time", () => joined({ idleTimeoutMs: "1" }), "options.idleTimeoutMs"],
    ["a time below 0", () => joined({ idleTimeoutMs: -1 }), "options.idleTimeoutMs", "RangeError"],
    ["a signal that is none", () => joined({ signal: new AbortController() }), "options.signal"],
    ["no function", () => joined({ onBytes: 1 }), "options.onBytes"],
    ["no clock", () => joined({ clock: Date }), "options.clock"],
  ],
  forwardProxy: [
    ["nothing", () => forwardProxy(wrong(undefined)), "rules"],
    ["a text", () => forwardProxy(wrong("allow all")), "rules"],
    ["an unknown option", () => forwardProxy(wrong({ allowed: [] })), '"allowed"'],
    ["a text for rules", () => forwardProxy({ allow: wrong("*") }), "rules.allow"],
    ["a rule that is none", () => forwardProxy({ deny: wrong([1]) }), "rules.deny[0]"],
    ["a rule without a host", () => forwardProxy({ allow: wrong([{}]) }), "rules.allow[0].host"],
    ["a rule with an unknown property", () => forwardProxy({ allow: wrong([{ host: "a", hosts: "b" }]) }), '"hosts"'],
    ["no function", () => forwardProxy({ decide: wrong(true) }), "rules.decide"],
    ["no passwords", () => forwardProxy({ auth: { basic: wrong("a:b") } }), "rules.auth.basic"],
    ["a number for a password", () => forwardProxy({ auth: { basic: wrong({ a: 1 }) } }), "rules.auth.basic.a"],
    ["a name for a network", () => forwardProxy({ auth: { sources: ["a.test"] } }), "rules.auth.sources[0]"],
    ["a number for a proxy", () => forwardProxy({ upstream: wrong(3128) }), "rules.upstream"],
    ["a text for a number", () => forwardProxy({ maxTunnels: wrong("1") }), "rules.maxTunnels"],
    ["a number below 0", () => forwardProxy({ maxTunnelBytes: -1 }), "rules.maxTunnelBytes", "RangeError"],
    ["NaN for a time", () => forwardProxy({ tunnelIdleTimeoutMs: NaN }), "rules.tunnelIdleTimeoutMs", "RangeError"],
    ["another verdict", () => forwardProxy({ clientHello: { noName: wrong("maybe") } }), "rules.clientHello.noName"],
    ["no certificates", () => forwardProxy({ intercept: wrong({ hosts: ["*"] }) }), "rules.intercept.certificateFor"],
    ["no hosts", () => forwardProxy({ intercept: wrong({ certificateFor: () => {} }) }), "rules.intercept.hosts"],
    ["a record for a function", () => forwardProxy({ headers: wrong({ a: "b" }) }), "rules.headers"],
    ["no function to dial with", () => forwardProxy({ dial: wrong("tcp") }), "rules.dial"],
    ["no function to resolve with", () => forwardProxy({ resolve: wrong({}) }), "rules.resolve"],
    ["a name with a blank", () => forwardProxy({ name: "a b" }), "rules.name"],
    ["no clock", () => forwardProxy({ clock: wrong(Date) }), "rules.clock"],
  ],
  reverseProxy: wrongReverseProxies(),
  forwardedFields: [
    ...wrongHeads((message) => forwardedFields(wrong(message), "edge"), "message"),
    ["no version", () => forwardedFields(wrong({ fields }), "edge"), "message.version"],
    ["no name", () => forwardedFields({ version: "1.1", fields }, wrong(undefined)), "by"],
  ],
};
