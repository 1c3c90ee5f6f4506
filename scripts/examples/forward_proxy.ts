/**
 * A forward proxy: tunnels for CONNECT, and plain http requests passed on, upgrades among them. `http_proxy.ts` is the
 * program.
 *
 * @module
 */

import {
  type Authority,
  connectResponse,
  formatAuthority,
  handshake,
  type IncomingRequest,
  type IncomingResponse,
  onUpgrade,
  type OutgoingRequest,
  type OutgoingResponse,
  parseTarget,
  type Sender,
  serveConnection,
  type ServerConnection,
  type Upgraded,
  upgradeResponse,
} from "../../src/http1/mod.ts";
import { forwardedFields, tunnel } from "../../src/proxy/mod.ts";
import { connect, listen, type Socket, TransportError } from "../../src/net/mod.ts";
import { authorityOf, covers, hopsLeft, Refusal, refusalOf } from "./proxy_rules.ts";

/** What the proxy can be told. Times are in milliseconds. */
export interface ProxyOptions {
  /** The interface to listen on; 127.0.0.1 when left out. */
  readonly hostname?: string | undefined;
  /** The port; 0, the default, lets the system choose. */
  readonly port?: number | undefined;
  /** Where requests may lead: `host`, `host:port`, `*.example.com`, `*:443`, `*`. Anywhere when left out. */
  readonly allow?: readonly string[] | undefined;
  /** How long connecting may take. 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer may take once the request was sent. 60,000. */
  readonly answerTimeoutMs?: number | undefined;
  /** How long a tunnel may be silent. 300,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** Told one line for each request when it is answered, and one for each tunnel when it has ended. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A proxy that runs. */
export interface RunningProxy {
  /** Where it listens. */
  readonly port: number;
  /** Ends it: tunnels at once, answers that are under way after 2 s. */
  close(): Promise<void>;
}

/**
 * Starts a proxy.
 *
 * @throws {TransportError} `address`: it cannot listen there.
 */
export async function startProxy(options: ProxyOptions = {}): Promise<RunningProxy> {
  const listener = await listen({ hostname: options.hostname ?? "127.0.0.1", port: options.port ?? 0 });
  const proxy = new ForwardProxy(options);
  const accepting = (async () => {
    for await (const socket of listener) proxy.serve(socket);
  })();
  return {
    port: "port" in listener.address ? listener.address.port : 0,
    async close() {
      await listener.close();
      await Promise.all([accepting, proxy.close()]);
    },
  };
}

class ForwardProxy {
  readonly #options: ProxyOptions;
  /** Its name in Via, which no other proxy has, so that a request that comes back is recognized (RFC 9110 §7.6.3). */
  readonly #name = `http-upgrade-${crypto.randomUUID().slice(0, 8)}`;
  readonly #ending = new AbortController();
  readonly #connections = new Set<ServerConnection>();
  readonly #tunnels = new Set<Promise<void>>();

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  serve(socket: Socket): void {
    const connection = serveConnection(socket, (request) => this.#answer(request), {
      // A client may end its side behind its request. It still wants the answer.
      allowHalfClose: true,
      onResponse: (request, { status }) => this.#log(`${request === null ? "?" : lineOf(request)} ${status}`),
      onError: (error) => this.#log(`error: ${error}`),
    });
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
  }

  async close(): Promise<void> {
    this.#ending.abort(new TransportError("closed", "The proxy was ended"));
    const connections = [...this.#connections];
    const patience = setTimeout(() => connections.forEach((connection) => connection.abort()), 2000);
    await Promise.all(connections.map((connection) => connection.gracefulShutdown()));
    clearTimeout(patience);
    await Promise.all(this.#tunnels);
  }

  async #answer(request: IncomingRequest): Promise<OutgoingResponse> {
    const { proposal } = request;
    try {
      if (proposal.type !== "connect") return await this.#forward(request);
      const target = await this.#dial(proposal.authority);
      const { response, upgraded } = connectResponse(request, { owns: target });
      this.#join(upgraded, target, lineOf(request));
      return response;
    } catch (error) {
      const { status, type, message } = refusalOf(error);
      const proxyStatus = `${this.#name}; error=${type}`;
      return { status, fields: [["Content-Type", "text/plain"], ["Proxy-Status", proxyStatus]], body: `${message}\n` };
    }
  }

  async #forward(request: IncomingRequest): Promise<OutgoingResponse> {
    const target = parseTarget(request.method, request.target);
    if (target.form !== "absolute" || target.scheme !== "http") {
      throw new Refusal(400, "http_request_error", "This is a proxy: ask for http://host/path, or CONNECT host:port");
    }
    if (request.fields.list("via").some((hop) => hop.includes(this.#name))) {
      throw new Refusal(502, "proxy_loop_detected", "The request came back to the proxy that sent it");
    }
    const hops = hopsLeft(request);
    if (hops === 0) return { status: request.method === "OPTIONS" ? 204 : 405, fields: [["Allow", "OPTIONS"]] };
    const server = await this.#dial(authorityOf(target.authority));
    const { sender, connection } = handshake(server);
    const answering = this.#send(sender, request, this.#outgoing(request, target.authority, target.path, hops));
    // One exchange, and then the connection to the server closes.
    connection.gracefulShutdown();
    const response = await answering;
    if (response.status === 101) return await this.#switch(request, response);
    const { status, reason, body } = response;
    return { status, reason, fields: forwardedFields(response, this.#name), body, trailers: () => body.trailers };
  }

  /** The request as the server gets it: one Host, one framing, and nothing that was meant for this connection only. */
  #outgoing(request: IncomingRequest, host: string, path: string, hops: number | null): OutgoingRequest {
    const { method, body, proposal } = request;
    const fields = forwardedFields(request, this.#name);
    const connection = [proposal.type === "upgrade" ? "upgrade" : "close"];
    fields.set("Host", host);
    if (proposal.type === "upgrade") fields.append("Upgrade", proposal.protocols.join(", "));
    if (hops !== null) fields.set("Max-Forwards", String(hops - 1));
    if (request.fields.hasToken("te", "trailers")) {
      fields.append("TE", "trailers");
      connection.push("TE");
    }
    fields.append("Connection", connection.join(", "));
    fields.delete("Content-Length");
    if (body.framing.type === "chunked") fields.append("Transfer-Encoding", "chunked");
    if (body.framing.type === "length") fields.append("Content-Length", String(body.framing.bytes));
    const target = path.startsWith("/") ? path : path === "" && method === "OPTIONS" ? "*" : `/${path}`;
    return { method, target, fields, body: body.length === 0 ? null : body, trailers: () => body.trailers };
  }

  /** Sends the request, passes on what comes before the answer, and gives up when that takes too long. */
  async #send(sender: Sender, request: IncomingRequest, outgoing: OutgoingRequest): Promise<IncomingResponse> {
    const giveUp = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let answered = false;
    const wait = (): void => {
      const error = new TransportError("timeout", "The server did not answer in time");
      if (!answered) timer = setTimeout(() => giveUp.abort(error), this.#options.answerTimeoutMs ?? 60_000);
    };
    request.body.trailers.then(wait, wait);
    try {
      return await sender.send(outgoing, {
        signal: AbortSignal.any([request.signal, giveUp.signal]),
        onInformational: (head) => {
          // A 100 is sent by our own server as soon as the body is asked for, and an HTTP/1.0 client wants none at all.
          if (head.status === 100 || request.version === "1.0") return;
          request.sendInformational(head.status, forwardedFields(head, this.#name)).catch(() => {});
        },
      });
    } finally {
      answered = true;
      clearTimeout(timer);
    }
  }

  async #switch(request: IncomingRequest, response: IncomingResponse): Promise<OutgoingResponse> {
    const server = await onUpgrade(response);
    const fields = forwardedFields(response, this.#name);
    const switching = upgradeResponse(request, server.protocol!, { fields, owns: server });
    this.#join(switching.upgraded, server, lineOf(request));
    return switching.response;
  }

  async #dial(to: Authority): Promise<Socket> {
    const { allow, connectTimeoutMs = 10_000 } = this.#options;
    if (allow !== undefined && !allow.some((rule) => covers(rule, to))) {
      throw new Refusal(403, "http_request_denied", `This proxy does not lead to ${formatAuthority(to)}`);
    }
    const giveUp = new AbortController();
    const error = new TransportError("timeout", `${formatAuthority(to)} did not answer in time`);
    const timer = setTimeout(() => giveUp.abort(error), connectTimeoutMs);
    try {
      const socket = connect(to, { signal: giveUp.signal });
      await socket.opened;
      return socket;
    } finally {
      clearTimeout(timer);
    }
  }

  #join(upgraded: Promise<Upgraded>, server: Socket | Upgraded, line: string): void {
    let bytes = "";
    const ended = upgraded.then((client) =>
      tunnel(client, server, {
        idleTimeoutMs: this.#options.idleTimeoutMs ?? 300_000,
        signal: this.#ending.signal,
        onBytes: (sent, received) => bytes = `, ${sent} bytes sent, ${received} received`,
      })
    ).then(() => this.#log(`${line} ended${bytes}`), (error) => {
      this.#log(`${line} cut${bytes}: ${error instanceof Error ? error.message : error}`);
    });
    this.#tunnels.add(ended);
    ended.then(() => this.#tunnels.delete(ended));
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}

/** What names a request in the log; bytes that could drive a terminal are left out. */
function lineOf(request: IncomingRequest): string {
  return `${request.method} ${request.target.replaceAll(/[^\x21-\x7e]/g, "?")}`;
}
