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
  const handle = (req: NodeRequest, res: NodeResponse): void => {
    answer(incomingMessage(req), serverResponse(res), handler, reports, options.onResponse);
  };
  return Object.assign(handle, { upgrade });
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  handler: ServeHandler,
  reports: Reports,
  onResponse: AcceptOptions["onResponse"],
): Promise<void> {
  const received = receive(req, res);
  if (received === null) return send(res, new Response(null, { status: 400 }), undefined);
  const { request, head, hasLeft } = received;
  const info = new NodeInfo(req, res, head);
  try {
    const response = await responseOf(handler, request, info, reports);
    if (hasLeft()) return void response.body?.cancel().catch(() => {});
    onResponse?.(request, response);
    await send(res, response, info.decide());
  } catch (error) {
    if (!hasLeft()) reports.tell(error);
    res.destroy();
  }
}

/** What the handler answers; what stands for it where it fails. */
async function responseOf(
  handler: ServeHandler,
  request: Request,
  info: NodeInfo,
  reports: Reports,
): Promise<Response> {
  try {
    const response = await handler(request, info);
    if (response instanceof Response) return response;
    throw new TypeError("Cannot answer: the handler returned no Response");
  } catch (error) {
    const instead = await reports.ask(error, request);
    return instead instanceof Response ? instead : new Response(null, { status: statusOf(error) });
  }
}
