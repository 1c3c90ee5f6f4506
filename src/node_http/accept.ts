/**
 * Upgrades and CONNECT on a server of `node:http` or `node:https` that exists already: Express, Fastify, Koa and others
 * have one. Users call it with what the events `upgrade` and `connect` hand out; it puts the request back in front of its
 * socket (`replay.ts`), and the connection of this package answers it as under `serve()`.
 *
 * @module
 */

import { checkFunction, checkObject, checkOptions, isBytes, type Kinds, wrongType } from "../bytes/arguments.ts";
import { type ServerConnectionOptions, serverSettings } from "../http1/options.ts";
import type { ServerConnection } from "../http1/server_connection.ts";
import { connectionOptions, Exchanges, uncounted } from "../http/server/exchanges.ts";
import type { ConnectHandler, ServeHandler, ServeOptions } from "../http/server/serve_options.ts";
import { serverChannels } from "../http/server/server_trace.ts";
import { checkNodeSocket, incomingMessage, type NodeRequest, type NodeSocket } from "./messages.ts";
import { replay } from "./replay.ts";

/** What holds for one request of a server of `node:http`: the options of `serve()` that say something about it. */
export interface AcceptOptions
  extends
    Omit<ServerConnectionOptions, "onError" | "onResponse" | "keepAlive" | "idleTimeoutMs" | "pipelineFlush">,
    Pick<ServeOptions, "onError" | "onResponse" | "trace"> {}

type OwnOptions = Pick<AcceptOptions, "onError" | "onResponse" | "trace">;

/** The other options are checked where connections begin. */
const OWN: Kinds<OwnOptions> = {
  onError: "function",
  onResponse: "function",
  trace: (value, name) => serverChannels.check(value, name),
};

/**
 * Answers a request that an `upgrade` event has announced, as `serve()` does: `upgradeResponse()`, `upgradeWebSocket()` and
 * `onUpgrade()` work, and any other response is sent as it is, after which the connection closes.
 *
 * Call it before other code reads or writes the socket. A server whose `upgrade` event has a listener gets all proposals
 * there; those that are not meant for you are left to others, or answered here with a refusal.
 *
 * @param req The request.
 * @param socket Its socket; this package's from now on.
 * @param head What was read behind the request. It comes first, nothing of it is lost.
 * @param handler Answers the request.
 * @param options Limits, times, and where errors go.
 * @returns The connection, which is running already; `closed` says when HTTP is over, with reason `upgrade` where it has
 * switched.
 * @throws {TypeError} An argument is of another kind. The socket is untouched.
 * @throws {RangeError} A number is below 0 or NaN. The socket is untouched.
 *
 * @example
 * ```ts ignore
 * import { createServer } from "node:http";
 * import { upgradeWebSocket } from "@http-upgrade/http-upgrade";
 * import { acceptUpgrade } from "@http-upgrade/http-upgrade/node";
 *
 * const server = createServer((req, res) => res.end("hello"));
 * server.on("upgrade", (req, socket, head) => {
 *   acceptUpgrade(req, socket, head, (request) =>
 *     upgradeWebSocket(request, {}, async (io) => {
 *       for await (const message of io) await io.write(message);
 *     }).response);
 * });
 * server.listen(8080);
 * ```
 */
export function acceptUpgrade(
  req: NodeRequest,
  socket: NodeSocket,
  head: Uint8Array,
  handler: ServeHandler,
  options: AcceptOptions = {},
): ServerConnection {
  checkFunction(handler, "handler");
  return accept(req, socket, head, handler, options);
}

/**
 * Answers a CONNECT that a `connect` event has announced, as the option `connect` of `serve()` does.
 *
 * @param req The request.
 * @param socket Its socket; this package's from now on.
 * @param head What was read behind the request: the first bytes of the tunnel.
 * @param handler Answers the request: with `connectResponse()`, or with a refusal, after which the connection closes.
 * @param options Limits, times, and where errors go.
 * @returns The connection, which is running already.
 * @throws {TypeError} An argument is of another kind. The socket is untouched.
 * @throws {RangeError} A number is below 0 or NaN. The socket is untouched.
 *
 * @example
 * ```ts ignore
 * server.on("connect", (req, socket, head) => {
 *   acceptConnect(req, socket, head, (request) => {
 *     const target = connect(request.authority);
 *     return connectResponse(request, {}, (io) => tunnel(io, target)).response;
 *   });
 * });
 * ```
 */
export function acceptConnect(
  req: NodeRequest,
  socket: NodeSocket,
  head: Uint8Array,
  handler: ConnectHandler,
  options: AcceptOptions = {},
): ServerConnection {
  checkFunction(handler, "handler");
  checkObject(options, "options");
  return accept(req, socket, head, () => new Response(null, { status: 404 }), { ...options, connect: handler });
}

function accept(
  req: NodeRequest,
  native: NodeSocket,
  head: Uint8Array,
  handler: ServeHandler,
  options: AcceptOptions & Pick<ServeOptions, "connect">,
): ServerConnection {
  return prepared(handler, options)(req, native, head);
}

/** Takes what an event hands out. */
export type Accept = (req: NodeRequest, socket: NodeSocket, head: Uint8Array) => ServerConnection;

/**
 * Checks options once for all requests.
 *
 * @throws {TypeError} One of them is of another kind.
 * @throws {RangeError} A number is below 0 or NaN.
 */
export function prepared(handler: ServeHandler, options: AcceptOptions & Pick<ServeOptions, "connect">): Accept {
  checkOptions<OwnOptions>(options, OWN);
  // One request, whatever it proposes: behind another answer node:http could not go on with the socket.
  const handling = uncounted({ ...options, maxRequestsPerConnection: 1 }, handler);
  const settings = connectionOptions(handling);
  serverSettings(settings);
  return (req, native, head) => {
    const request = incomingMessage(req);
    checkNodeSocket(native);
    if (!isBytes(head)) throw wrongType("head", "a Buffer or another Uint8Array", head);
    const { socket, info, io } = replay(request, native, head);
    const { connection } = new Exchanges(io, info, socket.secureTransport === "on", handling, settings);
    return connection as ServerConnection; // HTTP/2 is not among the options
  };
}
