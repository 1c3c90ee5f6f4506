import * as bun from "../../src/net/bun/mod.ts";
import * as deno from "../../src/net/deno/mod.ts";
import * as net from "../../src/net/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { type Calls, MADE_HERE, type Table, TAKES_ANYTHING, TAKES_NOTHING, type Wrong } from "./wrong.ts";

/** What no compiler lets pass. */
// deno-lint-ignore no-explicit-any
const wrong = (value: unknown): any => value;

/** Of `connect()`, and of `accept()`. */
async function withSockets(act: (client: net.Socket, server: net.Socket) => unknown): Promise<void> {
  const listener = await net.listen({ hostname: "127.0.0.1" });
  const client = net.connect(listener.address);
  const server = (await listener.accept())!;
  try {
    await Promise.all([client.opened, server.opened]);
    await act(client, server);
  } finally {
    client.abort();
    server.abort();
    await listener.close();
  }
}

const OTHERS_THAN_BYTES: readonly (readonly [what: string, value: unknown])[] = [
  ["text", "héllo"],
  ["an object", { length: 1 }],
  ["an array", [1, 2]],
  ["an ArrayBuffer", new ArrayBuffer(1)],
  ["another view", new Uint16Array(1)],
  ["nothing", undefined],
];

/** The wrong calls of a `write()`. */
export function wrongWrites(write: (bytes: Uint8Array) => Promise<unknown>): readonly Wrong[] {
  return OTHERS_THAN_BYTES.map(([what, value]) => [what, () => write(wrong(value)), "bytes"]);
}

/** The wrong options of whatever gives TLS a certificate. */
function serverTls(call: (tls: unknown) => unknown, name: string): readonly Wrong[] {
  return [
    ["tls without a certificate", () => call({ key: "k" }), `${name}.cert`],
    ["tls without a key", () => call({ cert: "c" }), `${name}.key`],
    ["a certificate of bytes", () => call({ cert: new Uint8Array(1), key: "k" }), `${name}.cert`],
    [
      "a text for a list of protocols",
      () => call({ cert: "c", key: "k", alpnProtocols: "h2" }),
      `${name}.alpnProtocols`,
    ],
    [
      "a number among protocols",
      () => call({ cert: "c", key: "k", alpnProtocols: ["h2", 1] }),
      `${name}.alpnProtocols[1]`,
    ],
    ["a text for a boolean", () => call({ cert: "c", key: "k", requireClientCert: "no" }), `${name}.requireClientCert`],
  ];
}

/** The wrong options of `listen()`, wherever they stand. */
export function wrongListenOptions(call: (options: unknown) => unknown, name = "options"): readonly Wrong[] {
  return [
    ["a number for options", () => call(8080), name],
    ["null for options", () => call(null), name],
    ["a text that is no number for a port", () => call({ port: "8080/" }), `${name}.port`],
    ["an empty text for a port", () => call({ port: "" }), `${name}.port`],
    ["a text of too many digits for a port", () => call({ port: "65536" }), `${name}.port`, "RangeError"],
    ["a port below 0", () => call({ port: -1 }), `${name}.port`, "RangeError"],
    ["a port above 65,535", () => call({ port: 65_536 }), `${name}.port`, "RangeError"],
    ["NaN for a port", () => call({ port: NaN }), `${name}.port`, "RangeError"],
    ["a number for a hostname", () => call({ hostname: 1 }), `${name}.hostname`],
    ["a number for a path", () => call({ path: 1 }), `${name}.path`],
    ["a text for a boolean", () => call({ noDelay: "yes" }), `${name}.noDelay`],
    ["a backlog below 0", () => call({ backlog: -1 }), `${name}.backlog`, "RangeError"],
    ["a boolean for tls", () => call({ tls: true }), `${name}.tls`],
    ...serverTls((tls) => call({ port: 0, tls }), `${name}.tls`),
  ];
}

function networkTable(network: typeof net): Table {
  const { connect, listen, startTls } = network;
  const secure = (options: unknown) => startTls(duplexPair()[0], wrong(options));
  return {
    TransportError: MADE_HERE,
    connect: [
      ["nothing", () => connect(wrong(undefined)), "address"],
      ["a port alone", () => connect(wrong(8080)), "address"],
      ["text that is no address", () => connect("nowhere"), "address"],
      ["an address without a port", () => connect(wrong({ hostname: "a" })), "address.port"],
      ["a port as text", () => connect(wrong({ hostname: "a", port: "80" })), "address.port"],
      ["a port above 65,535", () => connect({ hostname: "a", port: 65_536 }), "address.port", "RangeError"],
      ["an address without a host", () => connect(wrong({ port: 80 })), "address.hostname"],
      ["a path that is no text", () => connect(wrong({ path: 1 })), "address.path"],
      ["null for options", () => connect("a:1", wrong(null)), "options"],
      ["a boolean for tls", () => connect("a:1", { tls: wrong(true) }), "options.tls"],
      ["a number for a name", () => connect("a:1", { tls: { serverName: wrong(1) } }), "options.tls.serverName"],
      ["a text for certificates", () => connect("a:1", { tls: { caCerts: wrong("pem") } }), "options.tls.caCerts"],
      ["a signal that is none", () => connect("a:1", { signal: wrong({ aborted: false }) }), "options.signal"],
      ["a controller for its signal", () => connect("a:1", { signal: wrong(new AbortController()) }), "options.signal"],
      ["a text for a boolean", () => connect("a:1", { noDelay: wrong("yes") }), "options.noDelay"],
    ],
    listen: wrongListenOptions((options) => listen(wrong(options))),
    startTls: [
      ["nothing", () => startTls(wrong(undefined), { serverName: "a" }), "duplex"],
      ["no streams", () => startTls(wrong({}), { serverName: "a" }), "duplex.readable"],
      ["null for options", () => secure(null), "options"],
      ["a text for a boolean", () => secure({ isServer: "yes" }), "options.isServer"],
      ["a number for a name", () => secure({ serverName: 1 }), "options.serverName"],
      ["a signal that is none", () => secure({ serverName: "a", signal: 1000 }), "options.signal"],
      ...serverTls((tls) => secure({ ...tls as object, isServer: true }), "options"),
    ],
  };
}

const req: Parameters<typeof node.acceptUpgrade>[0] = wrong({ rawHeaders: [], read: () => null });
const socket: Parameters<typeof node.acceptUpgrade>[1] = wrong({ pause() {}, resume() {} });
const NO_HEAD = new Uint8Array(0);

function acceptTable(accept: (...args: Parameters<typeof node.acceptUpgrade>) => unknown): Calls {
  const options = (given: unknown) => accept(req, socket, NO_HEAD, wrong(() => {}), wrong(given));
  return [
    ["nothing", () => accept(wrong(undefined), socket, NO_HEAD, wrong(() => {})), "req"],
    ["a Request", () => accept(wrong(new Request("http://a/")), socket, NO_HEAD, wrong(() => {})), "req.rawHeaders"],
    ["no socket", () => accept(req, wrong({}), NO_HEAD, wrong(() => {})), "socket.pause"],
    ["text for a head", () => accept(req, socket, wrong(""), wrong(() => {})), "head"],
    ["no handler", () => accept(req, socket, NO_HEAD, wrong(undefined)), "handler"],
    ["null for options", () => options(null), "options"],
    ["a text for a function", () => options({ onError: "print" }), "options.onError"],
    ["a text for a number", () => options({ headTimeoutMs: "1" }), "options.headTimeoutMs"],
    ["a time below 0", () => options({ headTimeoutMs: -1 }), "options.headTimeoutMs", "RangeError"],
  ];
}

const nodeHttp: Table = {
  acceptUpgrade: acceptTable(node.acceptUpgrade),
  acceptConnect: acceptTable(wrong(node.acceptConnect)),
  toNodeHandler: [
    ["no handler", () => node.toNodeHandler(wrong(undefined)), "handler"],
    ["null for options", () => node.toNodeHandler(wrong(() => {}), wrong(null)), "options"],
    [
      "a text for a function",
      () => node.toNodeHandler(wrong(() => {}), { onError: wrong("print") }),
      "options.onError",
    ],
    [
      "a text for a number",
      () => node.toNodeHandler(wrong(() => {}), { headTimeoutMs: wrong("1") }),
      "options.headTimeoutMs",
    ],
    [
      "a Request",
      () => node.toNodeHandler(wrong(() => {}))(wrong(new Request("http://a/")), wrong({})),
      "req.rawHeaders",
    ],
    ["no response", () => node.toNodeHandler(wrong(() => {}))(req, wrong({})), "res.setHeader"],
  ],
};

export const networks: Readonly<Record<string, Table>> = {
  "./net": networkTable(net),
  "./deno": networkTable(deno),
  "./bun": networkTable(bun),
  "./node": { ...networkTable(node), ...nodeHttp },
};

const channel: Readonly<Record<string, Calls>> = {
  read: TAKES_NOTHING,
  closeWrite: TAKES_NOTHING,
  close: TAKES_NOTHING,
  abort: TAKES_ANYTHING,
};

/** The methods of what these functions give. */
export const sockets: Table = {
  ...Object.fromEntries(Object.entries(channel).map(([method, calls]) => [`Socket.${method}`, calls])),
  "Socket.write": [
    ...wrongWrites((bytes) => withSockets((client) => client.write(bytes))),
    ...wrongWrites((bytes) => withSockets((_client, server) => server.write(bytes))),
    ...wrongWrites((bytes) => {
      const opening = net.connect({ hostname: "127.0.0.1", port: 1 });
      return opening.write(bytes).finally(() => opening.abort());
    }),
  ],
  "Socket.release": TAKES_NOTHING,
  "Socket.startTls": [
    ["a number for options", () => withSockets((client) => client.startTls(wrong(1))), "options"],
    [
      "a number for a name",
      () => withSockets((client) => client.startTls({ serverName: wrong(1) })),
      "options.serverName",
    ],
  ],
  "Listener.accept": TAKES_NOTHING,
  "Listener.close": TAKES_NOTHING,
  duplexPair: [
    ["a number for options", () => duplexPair(wrong(1)), "options"],
    ["a text for a number", () => duplexPair({ capacityBytes: wrong("1") }), "options.capacityBytes"],
    ["NaN", () => duplexPair({ readBytes: NaN }), "options.readBytes", "RangeError"],
  ],
  "PairEnd.write": wrongWrites((bytes) => duplexPair()[0].write(bytes)),
};
