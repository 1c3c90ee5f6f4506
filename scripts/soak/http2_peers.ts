/**
 * What churn over HTTP/2 goes to: a server of `serve`, with a path for each way to behave, and one of the conn level that opens tunnels
 * and shuts its connections down when it is asked to.
 *
 * @module
 */

import { LightResponse, serve, type ServeHandler, upgradeResponse, upgradeWebSocket, wantsUpgrade } from "../../mod.ts";
import { type Handler, type Http2ServerConnection, serveConnection } from "../../src/http2/mod.ts";
import { listen } from "../../src/net/mod.ts";
import { contents } from "./contents.ts";
import { type CountingClock, pause } from "./measure.ts";
import { echo, forwards, told } from "./switches.ts";

/** Both servers, on loopback. */
export interface Http2Peers extends AsyncDisposable {
  /** The server's port; it speaks HTTP/1.1 too. */
  readonly port: number;
  /** The port of the one for tunnels. */
  readonly proxyPort: number;
  /** How many connections they hold. */
  readonly open: number;
  /** How many exchanges of the server, switched ones too, are under way. */
  readonly exchanges: number;
  /** What was reported that is a fault of a program and no failure of a peer. */
  readonly faults: readonly unknown[];
}

const limits = {
  headTimeoutMs: 4000,
  idleTimeoutMs: 5000,
  closeTimeoutMs: 500,
  writeTimeoutMs: 5000,
  limits: { streamWindowBytes: 100_000 },
};

/** Starts them. */
export async function startHttp2Peers(clock: CountingClock): Promise<Http2Peers> {
  const faults: unknown[] = [];
  const onError = (error: unknown): void => {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) {
      faults.push(error);
    }
  };
  let exchanges = 0;
  const more = (): number => exchanges++;
  const less = (): number => exchanges--;
  const { limits: http2Limits, ...times } = limits;
  const server = serve({
    ...times,
    clock,
    hostname: "127.0.0.1",
    port: 0,
    http2: { h2c: true, connectProtocol: true, limits: http2Limits },
    onError,
    trace: { requestBegun: more, exchangeEnded: less, switched: more, upgradedClosed: less },
  }, answers);
  const [address] = await server.listening;
  const listener = await listen({ hostname: "127.0.0.1" });
  const open = new Set<Http2ServerConnection>();
  const accepting = (async () => {
    for await (const socket of listener) {
      const connection = serveConnection(socket, (request) => tunnelsOrShutsDown(request, connection), {
        ...limits,
        clock,
        onError,
      });
      open.add(connection);
      connection.closed.then(() => open.delete(connection));
    }
  })();
  return {
    port: address.port,
    proxyPort: listener.address.port,
    faults,
    get open() {
      return server.connections + open.size;
    },
    get exchanges() {
      return exchanges;
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await listener.close();
      await accepting;
    },
  };
}

const answers: ServeHandler = async (request, info) => {
  const { pathname, search } = new URL(request.url);
  const exchange = Number(search.slice(1));
  if (wantsUpgrade(request, "websocket")) {
    return upgradeWebSocket(request, {}, async (socket) => {
      for await (const message of socket) await socket.write(message);
    }).response;
  }
  if (wantsUpgrade(request)) {
    if (pathname === "/refused") return LightResponse.of("no", { status: 403 });
    if (pathname === "/late") await pause(5);
    return upgradeResponse(request, "echo", {}, echo).response;
  }
  switch (pathname) {
    case "/large":
      return LightResponse.of(contents(exchange, 500_000));
    case "/streamed":
      return new Response(blocks(exchange, 50));
    case "/slow":
      return new Response(blocks(exchange, 20, 2));
    case "/trailers":
      await info.sendInformational(103, { link: "</a>" });
      info.setTrailers({ "x-sum": "1" });
      return new Response(blocks(exchange, 3));
    case "/never":
      await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      return LightResponse.of("late");
    case "/unread":
      return LightResponse.of("I do not care", { status: 413 });
    case "/failing":
      throw new Error("on purpose");
    case "/broken":
      return new Response(blocks(exchange, 3, 0, new Error("on purpose")));
    default:
      return LightResponse.of(told(new Uint8Array(await request.arrayBuffer()), exchange));
  }
};

/** So many times 10,000 bytes, with pauses, and at the end a failure, if that is wanted. */
function blocks(
  exchange: number,
  count: number,
  pauseMs = 0,
  failure: Error | null = null,
): ReadableStream<Uint8Array> {
  let given = 0;
  return new ReadableStream({
    async pull(controller) {
      if (pauseMs > 0) await pause(pauseMs);
      if (given < count) controller.enqueue(contents(exchange, 10_000, 10_000 * given++));
      else if (failure === null) controller.close();
      else controller.error(failure);
    },
  });
}

/** CONNECT leads where it says; any other request shuts the connection down on which it has come. */
function tunnelsOrShutsDown(
  request: Parameters<Handler>[0],
  connection: Http2ServerConnection,
): ReturnType<Handler> {
  if (request.method === "CONNECT") return forwards(request);
  connection.gracefulShutdown();
  return { status: 200, body: "goodbye" };
}
