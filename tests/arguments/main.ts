import * as main from "../../mod.ts";
import { networks, sockets } from "./net.ts";
import { http1Table, wrongServerOptions } from "./http1.ts";
import { webSocketTable, wrongClientHandshakes, wrongCloses } from "./websocket.ts";
import { wrongListenOptions } from "./net.ts";
import { MADE_HERE, type Table, TAKES_ANYTHING, TAKES_NOTHING, type Wrong } from "./wrong.ts";

/** What no compiler lets pass. */
// deno-lint-ignore no-explicit-any
const wrong = (value: unknown): any => value;

/** Nothing is connected to. */
const client = new main.Client({ dial: () => Promise.reject(new Error("dialed")) });
const url = "http://127.0.0.1:1/";
const ok = () => new Response();

/** What a handler of `serve()` gets. */
async function handled(act: (request: Request, info: main.ServeInfo, server: main.Server) => unknown): Promise<void> {
  let outcome: unknown = "not called";
  const server = main.serve({ hostname: "127.0.0.1", port: 0 }, async (request, info) => {
    try {
      outcome = null;
      await act(request, info, server);
    } catch (error) {
      outcome = error;
    }
    return new Response();
  });
  try {
    const [{ port }] = await server.listening;
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
  } finally {
    await server.shutdown();
  }
  if (outcome !== null) throw outcome;
}

/** A request that goes through an interceptor. */
function intercepting(interceptor: main.Interceptor): Promise<unknown> {
  return new main.Client({ dial: () => Promise.reject(new Error("dialed")) }).use(interceptor).fetch(url);
}

const answering = (answer: unknown) => intercepting(() => wrong(answer));
const handingOn = (change: object) => intercepting((request, next) => next(wrong({ ...request, ...change })));

function waiting(ms: unknown, signal?: unknown): Promise<unknown> {
  return intercepting(async (_, __, context) => {
    await context.wait(wrong(ms), wrong(signal));
    return new Response();
  });
}

function wrongRoutes(call: (init: unknown) => unknown, name: string): readonly Wrong[] {
  return [
    ["a number for a proxy", () => call({ proxy: 3128 }), `${name}.proxy`],
    ["a list for noProxy", () => call({ noProxy: ["a"] }), `${name}.noProxy`],
    ["a boolean for tls", () => call({ tls: true }), `${name}.tls`],
    ["a text for certificates", () => call({ tls: { caCerts: "pem" } }), `${name}.tls.caCerts`],
    ["no function to dial with", () => call({ dial: "tcp" }), `${name}.dial`],
  ];
}

function wrongInits(call: (init: unknown) => unknown): readonly Wrong[] {
  return [
    ["null for init", () => call(null), "init"],
    ["a number for a method", () => call({ method: 1 }), "init.method"],
    ["a text for headers", () => call({ headers: "a: b" }), "init.headers"],
    ["texts for pairs", () => call({ headers: ["ab"] }), "init.headers"],
    ["a pair of one", () => call({ headers: [["a"]] }), "init.headers"],
    ["a signal that is none", () => call({ signal: 1000 }), "init.signal"],
    ["no function", () => call({ onInformational: 1 }), "init.onInformational"],
    ...wrongRoutes(call, "init"),
  ];
}

function wrongInputs(call: (input: unknown) => unknown): readonly Wrong[] {
  return [
    ["nothing", () => call(undefined), "input"],
    ["null", () => call(null), "input"],
    ["a relative URL", () => call("/relative"), "input"],
    ["a response", () => call(new Response()), "input"],
  ];
}

const asked = { proposal: { type: "upgrade", protocols: ["echo"] } };
const upgrade = (init: object) => client.upgrade(url, wrong({ protocol: "echo", ...init }));

const own: Table = {
  Client: [
    ...wrongServerOptions((options) => new main.Client(wrong(options))).filter(([, , name]) =>
      !/onError|keepAlive|head/.test(name)
    ),
    ...wrongRoutes((options) => new main.Client(wrong(options)), "options"),
    ["a text for a boolean", () => new main.Client({ keepAlive: wrong("no") }), "options.keepAlive"],
    ["a text for headers", () => new main.Client({ headers: wrong("a: b") }), "options.headers"],
    ["a text for a number", () => new main.Client({ maxIdlePerOrigin: wrong("1") }), "options.maxIdlePerOrigin"],
    [
      "a number below 0",
      () => new main.Client({ maxConnectionsPerOrigin: -1 }),
      "options.maxConnectionsPerOrigin",
      "RangeError",
    ],
    ["NaN for a time", () => new main.Client({ connectTimeoutMs: NaN }), "options.connectTimeoutMs", "RangeError"],
    ["another way to tunnel", () => new main.Client({ proxyTunnel: wrong("never") }), "options.proxyTunnel"],
    ["a function for trace", () => new main.Client({ trace: wrong(() => {}) }), "options.trace"],
    ["no function in trace", () => new main.Client({ trace: { retried: wrong(1) } }), "options.trace.retried"],
    ["no function", () => new main.Client({ onProxyChallenge: wrong("Basic") }), "options.onProxyChallenge"],
    ["a text for versions", () => new main.Client({ http2: wrong("h2") }), "options.http2"],
    ["a text for h2c", () => new main.Client({ http2: { h2c: wrong("yes") } }), "options.http2.h2c"],
    [
      "a limit below 0",
      () => new main.Client({ http2: { limits: { maxResets: -1 } } }),
      "limits.maxResets",
      "RangeError",
    ],
  ],
  "Client.fetch": [
    ...wrongInputs((input) => client.fetch(wrong(input))),
    ...wrongInits((init) => client.fetch(url, wrong(init))),
    ["another way with redirects", () => client.fetch(url, { redirect: wrong("nonsense") }), "init.redirect"],
    ["a text for trailers", () => client.fetch(url, { trailers: wrong("a: b") }), "init.trailers"],
    ["a text for a boolean", () => client.fetch(url, { decompress: wrong("no") }), "init.decompress"],
    [
      "a time below 0",
      () => client.fetch(url, { expectContinueTimeoutMs: -1 }),
      "init.expectContinueTimeoutMs",
      "RangeError",
    ],
    [
      "nothing for a connection",
      () => new main.Client({ dial: wrong(() => undefined) }).fetch(url),
      "what dial returns",
    ],
  ],
  "Client.use": [
    ["nothing", () => client.use(wrong(undefined)), "interceptor"],
    ["an object of undici's", () => client.use(wrong({ dispatch: ok })), "interceptor"],
    ["an answer that is none", () => answering(undefined), "what the interceptor returns"],
    ["a text for an answer", () => answering("200"), "what the interceptor returns"],
    ["no request for the next", () => intercepting((_, next) => next(wrong(undefined))), "request"],
    ["a Request for the next", () => intercepting((_, next) => next(wrong(new Request(url)))), "request.fields"],
    ["a text for a URL", () => handingOn({ url }), "request.url"],
    ["a number for a method", () => handingOn({ method: 1 }), "request.method"],
    ["headers for fields", () => handingOn({ fields: new Headers() }), "request.fields"],
    ["a signal that is none", () => handingOn({ signal: 1000 }), "request.signal"],
    ["a text for a time", () => waiting("1"), "ms"],
    ["a time below 0", () => waiting(-1), "ms", "RangeError"],
    ["a signal that is none to wait with", () => waiting(1, {}), "signal"],
  ],
  "Client.upgrade": [
    ["nothing but a URL", () => client.upgrade(url, wrong(undefined)), "init"],
    ["no protocol", () => client.upgrade(url, wrong({})), "init.protocol"],
    ["no protocols", () => client.upgrade(url, { protocol: [] }), "init.protocol"],
    ["an empty protocol", () => client.upgrade(url, { protocol: "" }), "init.protocol"],
    ["a number among protocols", () => client.upgrade(url, { protocol: wrong(["a", 1]) }), "init.protocol[1]"],
    ["a text for hijack", () => upgrade({ hijack: "no" }), "init.hijack"],
    ...wrongInputs((input) => client.upgrade(wrong(input), { protocol: "echo" })),
    ...wrongInits((init) => init === null ? client.upgrade(url, wrong(null)) : upgrade(init as object)),
  ],
  "Client.connect": [
    ["nothing", () => client.connect(wrong(undefined)), "authority"],
    ["no port", () => client.connect("example.com"), "authority"],
    ["null for init", () => client.connect("a:1", wrong(null)), "init"],
    ["a number for a proxy", () => client.connect("a:1", { proxy: wrong(3128) }), "init.proxy"],
    ["a text for a list", () => client.connect("a:1", { alpn: wrong("h2") }), "init.alpn"],
    ["a text for headers", () => client.connect("a:1", { headers: wrong("a: b") }), "init.headers"],
    ["a signal that is none", () => client.connect("a:1", { signal: wrong({}) }), "init.signal"],
  ],
  "Client.close": [
    ["null for options", () => new main.Client().close(wrong(null)), "options"],
    ["a signal that is none", () => new main.Client().close({ signal: wrong(1) }), "options.signal"],
  ],
  "Client.abort": TAKES_ANYTHING,
  ConnectRequest: MADE_HERE,
  TransportError: MADE_HERE,
  LightResponse: [
    ["a number for init", () => new main.LightResponse("", wrong(404)), "init"],
    ["a text for a status", () => new main.LightResponse("", { status: wrong("404") }), "init.status"],
    ["a status below 200", () => new main.LightResponse("", { status: 101 }), "init.status", "RangeError"],
    ["a status above 599", () => new main.LightResponse("", { status: 600 }), "init.status", "RangeError"],
    ["a body with a status that has none", () => new main.LightResponse("", { status: 204 }), "init.status"],
    ["a number for a reason", () => new main.LightResponse("", { statusText: wrong(1) }), "init.statusText"],
    ["a reason of two lines", () => new main.LightResponse("", { statusText: "a\r\nb" }), "init.statusText"],
    ["a text for headers", () => new main.LightResponse("", { headers: wrong("a: b") }), "init.headers"],
  ],
  "LightResponse.of": [[
    "a text for a status",
    () => main.LightResponse.of("", { status: wrong("404") }),
    "init.status",
  ]],
  "LightResponse.given": MADE_HERE,
  "LightResponse.real": MADE_HERE,
  WebSocket: [
    ["nothing", () => new main.WebSocket(wrong(undefined)), "url"],
    ["a number for subprotocols", () => new main.WebSocket("ws://127.0.0.1:1/", wrong(1)), "protocols"],
    ["null for subprotocols", () => new main.WebSocket("ws://127.0.0.1:1/", wrong(null)), "protocols"],
    ["a number for a WebSocket", () => new main.WebSocket("ws://127.0.0.1:1/", { socket: wrong(1) }), "options.socket"],
    ...wrongClientHandshakes((options) => new main.WebSocket("ws://127.0.0.1:1/", wrong(options)))
      .filter(([what]) => !what.endsWith("for options")),
  ],
  "WebSocket.send": "as browsers do: whatever it is becomes text; before it is open, an InvalidStateError",
  "WebSocket.close": "as browsers do: an InvalidAccessError or a SyntaxError",
  "WebSocket.addEventListener": "the platform's",
  WebSocketStream: [
    ["nothing", () => new main.WebSocketStream(wrong(undefined)), "url"],
    ...wrongClientHandshakes((options) => new main.WebSocketStream("ws://127.0.0.1:1/", wrong(options))),
  ],
  "WebSocketStream.close": wrongCloses((options) => {
    const socket = new main.WebSocketStream("ws://127.0.0.1:1/");
    try {
      socket.close(wrong(options));
    } finally {
      socket.close();
    }
  }),
  offeredProtocols: [
    ["nothing", () => main.offeredProtocols(wrong(undefined)), "request"],
    ["a response", () => main.offeredProtocols(wrong(new Response())), "request"],
  ],
  proxyFromEnv: [
    ["text", () => main.proxyFromEnv(wrong("http://proxy")), "env"],
    ["null", () => main.proxyFromEnv(wrong(null)), "env"],
    ["a number for a proxy", () => main.proxyFromEnv({ http_proxy: wrong(3128) }), "env.http_proxy"],
  ],
  retry: [
    ["null", () => main.retry(wrong(null)), "options"],
    ["a number", () => main.retry(wrong(3)), "options"],
    ["a text for a number", () => main.retry({ maxAttempts: wrong("3") }), "options.maxAttempts"],
    ["no attempt", () => main.retry({ maxAttempts: 0 }), "options.maxAttempts", "RangeError"],
    ["half an attempt", () => main.retry({ maxAttempts: 1.5 }), "options.maxAttempts", "RangeError"],
    ["a time below 0", () => main.retry({ baseDelayMs: -1 }), "options.baseDelayMs", "RangeError"],
    ["NaN for a time", () => main.retry({ maxDelayMs: NaN }), "options.maxDelayMs", "RangeError"],
    ["a text for a time", () => main.retry({ maxTotalMs: wrong("1 s") }), "options.maxTotalMs"],
    ["a text for methods", () => main.retry({ methods: wrong("GET") }), "options.methods"],
    ["a number among methods", () => main.retry({ methods: ["GET", wrong(1)] }), "options.methods[1]"],
    ["a number for statuses", () => main.retry({ statuses: wrong(503) }), "options.statuses"],
    ["a text among statuses", () => main.retry({ statuses: [wrong("503")] }), "options.statuses[0]"],
    ["no status of an answer", () => main.retry({ statuses: [503, 99] }), "options.statuses[1]", "RangeError"],
    ["a number for a random source", () => main.retry({ random: wrong(0.5) }), "options.random"],
  ],
  serve: [
    ["a handler alone", () => main.serve(wrong(ok), wrong(undefined)), "options"],
    ["handler and options the other way round", () => main.serve(wrong(ok), wrong({ port: 0 })), "options"],
    ["options without a handler", () => main.serve({ port: 0 }, wrong(undefined)), "handler"],
    [
      "options with the handler of others",
      () => main.serve(wrong({ port: 0, fetch: ok }), wrong(undefined)),
      "handler",
    ],
    ["an object for a handler", () => main.serve({ port: 0 }, wrong({ fetch: ok })), "handler"],
    ...wrongListenOptions((options) => main.serve(wrong(options), ok)),
    ...wrongServerOptions((options) => main.serve(wrong(options), ok)),
    ["no place", () => main.serve({ listen: [] }, ok), "options.listen"],
    [
      "a wrong place",
      () => main.serve({ listen: [{ port: 0 }, { port: 65_536 }] }, ok),
      "options.listen[1].port",
      "RangeError",
    ],
    ["no function for CONNECT", () => main.serve({ connect: wrong(true) }, ok), "options.connect"],
    ["a text for a number", () => main.serve({ maxConnections: wrong("1") }, ok), "options.maxConnections"],
    ["a function for trace", () => main.serve({ trace: wrong(() => {}) }, ok), "options.trace"],
    ["no function in trace", () => main.serve({ trace: { switched: wrong(1) } }, ok), "options.trace.switched"],
    ["no function for onResponse", () => main.serve({ onResponse: wrong(1) }, ok), "options.onResponse"],
    ["a signal that is none", () => main.serve({ signal: wrong({}) }, ok), "options.signal"],
  ],
  "Server.stats": TAKES_NOTHING,
  "Server.shutdown": [
    ["null for options", () => handled((_, __, server) => server.shutdown(wrong(null))), "options"],
    ["another end", () => handled((_, __, server) => server.shutdown({ upgraded: wrong("cut") })), "options.upgraded"],
    [
      "a signal that is none",
      () => handled((_, __, server) => server.shutdown({ signal: wrong(1) })),
      "options.signal",
    ],
  ],
  "ServeInfo.sendInformational": [
    ["a text for a status", () => handled((_, info) => info.sendInformational(wrong("103"))), "status"],
    ["a text for headers", () => handled((_, info) => info.sendInformational(103, wrong("a: b"))), "headers"],
  ],
  "ServeInfo.setTrailers": [["text", () => handled((_, info) => info.setTrailers(wrong("a: b"))), "trailers"]],
  "ServeInfo.takeOver": TAKES_NOTHING,
  onUpgrade: [["nothing", () => main.onUpgrade(wrong(undefined)), "message"]],
  upgradeResponse: [
    ["nothing", () => main.upgradeResponse(wrong(undefined), "echo"), "request"],
    ["a response", () => main.upgradeResponse(wrong(new Response()), "echo"), "request"],
    ["no protocol", () => handled((request) => main.upgradeResponse(request, wrong(undefined))), "protocol"],
    ["null for init", () => main.upgradeResponse(wrong(asked), "echo", wrong(null)), "init"],
    [
      "a text for headers",
      () => handled((request) => main.upgradeResponse(request, "echo", { headers: wrong("a: b") })),
      "init.headers",
    ],
    [
      "fields",
      () => handled((request) => main.upgradeResponse(request, "echo", wrong({ fields: [["a", "b"]] }))),
      "init.fields",
    ],
    [
      "a reason",
      () => handled((request) => main.upgradeResponse(request, "echo", wrong({ reason: "a" }))),
      "init.reason",
    ],
    ["no function", () => main.upgradeResponse(wrong(asked), "echo", {}, wrong({})), "onSwitched"],
    ["the function too early", () => main.upgradeResponse(wrong(asked), "echo", wrong(() => {})), "init"],
  ],
  connectResponse: [
    ["nothing", () => main.connectResponse(wrong(undefined)), "request"],
    ["a response", () => main.connectResponse(wrong(new Response())), "request"],
    ["fields", () => main.connectResponse(wrong(new Request(url)), wrong({ fields: [] })), "init.fields"],
    ["the function too early", () => main.connectResponse(wrong(asked), wrong(() => {})), "init"],
    ["no function", () => main.connectResponse(wrong(asked), {}, wrong({})), "onSwitched"],
  ],
  wantsUpgrade: [
    ["nothing", () => main.wantsUpgrade(wrong(undefined)), "request"],
    ["a number for a protocol", () => main.wantsUpgrade(wrong(asked), wrong(1)), "protocol"],
  ],
};

/** What stands in the main entry and is told of elsewhere. */
export const mainTable: Table = { ...http1Table, ...webSocketTable, ...sockets, ...networks["./net"]!, ...own };

/** Its own. */
export const ownTable: Table = own;
