/**
 * A `fetch` handler on a server of `node:http`, beside Express routes for example: requests go through `node:http`,
 * upgrades through `accept.ts`. Users call it.
 *
 * @module
 */

import { checkFunction } from "../bytes/arguments.ts";
import type { ServerConnection } from "../http1/server_connection.ts";
import { Reports } from "../http/server/reports.ts";
import type { ServeHandler } from "../http/server/serve_options.ts";
import type { SocketInfo } from "../duplex/socket.ts";
import { ConnectionTrace } from "../http/server/connection_trace.ts";
import { tracingOf } from "../http/server/exchanges.ts";
import type { ServerTraceEvents } from "../http/server/server_trace.ts";
import type { Tracing } from "../http/trace.ts";
import { isBodiless } from "../semantics/message.ts";
import { statusOf } from "../http1/failure.ts";
import { type AcceptOptions, prepared } from "./accept.ts";
import {
  type IncomingMessage,
  incomingMessage,
  type NodeRequest,
  type NodeResponse,
  type NodeSocket,
  type ServerResponse,
  serverResponse,
} from "./messages.ts";
import { NodeInfo } from "./node_info.ts";
import { type Described, nodeSocketInfo } from "./platform.ts";
import { receive } from "./receive.ts";
import { send } from "./send.ts";

/** A handler as `http.createServer()`, Express' `app.use()` and others take it. */
export interface NodeHandler {
  /** Answers a request. `next` is not called. */
  (req: NodeRequest, res: NodeResponse, next?: (error?: unknown) => void): void;
  /** Answers a request that an `upgrade` event has announced: a listener for that event. */
  readonly upgrade: (req: NodeRequest, socket: NodeSocket, head: Uint8Array) => ServerConnection;
}

/**
 * Makes a handler for a server of `node:http` or `node:https` of one for `serve()`.
 *
 * Ordinary requests are parsed and framed by `node:http`, so limits and times are that server's; upgrades are answered by
 * this package. Give it the whole URL: under `app.use("/path", …)` of Express it sees what the client asked for. A body
 * that other middleware has read is empty.
 *
 * @param handler What `serve()` takes.
 * @param options What holds for upgrades, and where errors go.
 * @returns The handler; its `upgrade` goes to `server.on("upgrade", …)`.
 * @throws {TypeError} An argument is of another kind.
 *
 * @example
 * ```ts ignore
 * const app = new Hono().get("/chat", (c) => upgradeWebSocket(c.req.raw, {}, chat).response);
 * const handler = toNodeHandler(app.fetch);
 * const server = createServer(express().use("/api", api).use(handler));
 * server.on("upgrade", handler.upgrade).listen(8080);
 * ```
 */
export function toNodeHandler(handler: ServeHandler, options: AcceptOptions = {}): NodeHandler {
  checkFunction(handler, "handler");
  const upgrade = prepared(handler, options);
  const reports = new Reports(options.onError);
  const mounted = { handler, reports, onResponse: options.onResponse, tracing: tracingOf(options, reports) };
  const handle = (req: NodeRequest, res: NodeResponse): void => {
    answer(incomingMessage(req), serverResponse(res), mounted);
  };
  return Object.assign(handle, { upgrade });
}

/** What all requests have in common. */
interface Mounted {
  readonly handler: ServeHandler;
  readonly reports: Reports;
  readonly onResponse: AcceptOptions["onResponse"];
  readonly tracing: Tracing<ServerTraceEvents>;
}

async function answer(req: IncomingMessage, res: ServerResponse, mounted: Mounted): Promise<void> {
  const { reports, tracing } = mounted;
  const trace = traceOf(req, tracing);
  const received = receive(req, res, trace);
  if (received === null) {
    trace?.onHead(null, 400);
    return await send(res, new Response(null, { status: 400 }), undefined, false, null);
  }
  const { request, head, left } = received;
  const info = new NodeInfo(req, res, head, () => left() !== null, trace === null ? null : placeOf(req));
  trace?.begin(head, request);
  try {
    const response = await responseOf(request, info, mounted, trace);
    if (left() === null) {
      const bodiless = isBodiless(head.method, response.status);
      tellResponse(request, response, mounted);
      trace?.onHead(head, response.status);
      await send(res, response, info.decide(), bodiless, bodiless ? null : trace);
    } else {
      response.body?.cancel().catch(() => {});
    }
    trace?.onExchangeOver(left() === null ? null : { reason: "error", error: left() });
  } catch (error) {
    if (left() === null) reports.tell(error);
    res.destroy();
    trace?.onExchangeOver({ reason: "error", error: left() ?? error });
  }
}

/** Those who trace get the same object for each request of a connection. */
const places: WeakMap<Described, SocketInfo> = new WeakMap();

function placeOf({ socket }: IncomingMessage): SocketInfo {
  let place = places.get(socket);
  if (place === undefined) places.set(socket, place = nodeSocketInfo(socket));
  return place;
}

/** The connection is that of `node:http`: it is not told when it is opened, or closed. */
function traceOf(req: IncomingMessage, tracing: Tracing<ServerTraceEvents>): ConnectionTrace | null {
  const { active } = tracing;
  return active === null ? null : new ConnectionTrace(active, placeOf(req));
}

/** Tells `onResponse`. What that throws goes to `onError`, and the response goes to the client all the same. */
function tellResponse(request: Request, response: Response, { onResponse, reports }: Mounted): void {
  try {
    onResponse?.(request, response);
  } catch (error) {
    reports.tell(error);
  }
}

/** What the handler answers; what stands for it where it fails. */
async function responseOf(
  request: Request,
  info: NodeInfo,
  { handler, reports }: Mounted,
  trace: ConnectionTrace | null,
): Promise<Response> {
  try {
    const response = await handler(request, info);
    if (response instanceof Response) return response;
    throw new TypeError("Cannot answer: the handler returned no Response");
  } catch (error) {
    trace?.fail(error);
    const instead = await reports.ask(error, request);
    return instead instanceof Response ? instead : new Response(null, { status: statusOf(error) });
  }
}
