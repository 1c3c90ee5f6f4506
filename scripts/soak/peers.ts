/**
 * What churn goes to: a server of `serve`, with a path for each way to behave, and a CONNECT proxy of the conn level.
 *
 * @module
 */

import {
  LightResponse,
  serve,
  serveConnection,
  type ServeHandler,
  type Server,
  upgradeResponse,
  wantsUpgrade,
} from "../../mod.ts";
import { serveConnection as serveHttp2 } from "../../src/http2/mod.ts";
import { serverCert, serverKey } from "../../tests/support/certificates.ts";
import { listen, type Listener, type Socket } from "../../src/net/mod.ts";
import { contents } from "./contents.ts";
import { pause } from "./measure.ts";
import { echo, forwards, told } from "./switches.ts";

/** Both servers, on loopback. */
export interface Peers extends AsyncDisposable {
  /** The server's port. */
  readonly port: number;
  /** The proxy's port. */
  readonly proxyPort: number;
  /** How many connections they hold, upgraded ones included. */
  readonly open: number;
}

// Longer than a busy machine may leave the process without a turn: what has come by then is too late.
const limits = { headTimeoutMs: 4000, idleTimeoutMs: 5000, closeTimeoutMs: 500, writeTimeoutMs: 5000 };
const HTTP2_LIMITS = { ...limits, idleTimeoutMs: 0 };

/**
 * Starts them.
 *
 * @param http2 Whether the server takes HTTP/2 and upgrades over it, and the proxy is one of HTTP/2 over TLS.
 */
export async function startPeers(http2: boolean): Promise<Peers> {
  // Handlers fail here on purpose.
  const options = {
    ...limits,
    http2: { h2c: http2, connectProtocol: http2 },
    hostname: "127.0.0.1",
    port: 0,
    onError() {},
  };
  const server = serve(options, answers);
  const [address] = await server.listening;
  const tls = { cert: serverCert, key: serverKey, alpnProtocols: ["h2"] };
  const proxy = new Proxy(await listen({ hostname: "127.0.0.1", ...(http2 ? { tls } : {}) }));
  const proxying = proxy.run();
  return {
    port: address.port!,
    proxyPort: (proxy.listener.address as { readonly port: number }).port,
    get open() {
      return server.connections + proxy.open.size;
    },
    async [Symbol.asyncDispose]() {
      await (server as Server).shutdown();
      await proxy.listener.close();
      await proxying;
    },
  };
}

const answers: ServeHandler = async (request) => {
  if (wantsUpgrade(request, "echo")) return upgradeResponse(request, "echo", {}, echo).response;
  const { pathname, search } = new URL(request.url);
  const exchange = Number(search.slice(1));
  switch (pathname) {
    case "/moved":
      return LightResponse.of(null, { status: 302, headers: { location: "/" } });
    case "/large":
      return LightResponse.of(contents(exchange, 500_000));
    case "/slow":
      return new Response(trickle(exchange, request.signal));
    case "/never":
      await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      return LightResponse.of("late");
    case "/failing":
      throw new Error("on purpose");
    default:
      return LightResponse.of(told(new Uint8Array(await request.arrayBuffer()), exchange));
  }
};

/** Twenty drops of 1000 bytes. */
function trickle(exchange: number, signal: AbortSignal): ReadableStream<Uint8Array> {
  let drops = 0;
  return new ReadableStream({
    async pull(controller) {
      await pause(2);
      if (drops < 20 && !signal.aborted) controller.enqueue(contents(exchange, 1000, 1000 * drops++));
      else controller.close();
    },
  });
}

class Proxy {
  readonly listener: Listener;
  readonly open: Set<Socket> = new Set();

  constructor(listener: Listener) {
    this.listener = listener;
  }

  async run(): Promise<void> {
    for await (const socket of this.listener) {
      this.open.add(socket);
      const gone = () => this.open.delete(socket);
      socket.closed.then(gone, gone);
      socket.opened.then(
        ({ alpn }) =>
          alpn === "h2" ? serveHttp2(socket, forwards, HTTP2_LIMITS) : serveConnection(socket, forwards, limits),
        gone,
      );
    }
  }
}
