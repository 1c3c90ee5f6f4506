/**
 * Spans and metrics of OpenTelemetry for servers and clients, by its semantic conventions for HTTP. It needs
 * `@opentelemetry/api` alone; where they go is for the SDK of the program.
 *
 * ```text
 * const { server, inSpan, client } = httpTelemetry();
 * observe(serve({ port: 8080, trace: server }, inSpan(handler)));
 * await new Client({ trace: client }).fetch("http://example.com/");
 * ```
 *
 * @module
 */

import {
  type Attributes,
  type Context,
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type {
  BodyBytes,
  ClientTrace,
  ServeHandler,
  Server,
  ServerTrace,
  TracedClientExchange,
  TracedServerExchange,
} from "../../mod.ts";

const NAME = "http-upgrade";
const METHODS = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];
/** In seconds, as the conventions advise. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** What belongs to an exchange from its beginning to its end. */
interface Call {
  readonly span: Span;
  readonly context: Context;
  readonly beganMs: number;
  /** What metrics count by. */
  readonly counted: Attributes;
  readonly retries: number;
}

/** Makes the option `trace` for servers and for clients, with the tracer and the meter that are global now. */
export function httpTelemetry(): {
  readonly server: ServerTrace;
  readonly client: ClientTrace;
  /** The handler, with the span of its request as the active one. */
  inSpan(handler: ServeHandler): ServeHandler;
} {
  const { server, contextOf } = serverTelemetry();
  const inSpan = (handler: ServeHandler): ServeHandler => (request, info) =>
    context.with(contextOf(request), () => handler(request, info));
  return { server, client: clientTelemetry(), inSpan };
}

/** Counts the connections of a server by what they do, and their bytes, whenever metrics are read. */
export function observe(server: Server): Server {
  const meter = metrics.getMeter(NAME);
  const gauge = meter.createObservableUpDownCounter("http_upgrade.server.connections", {
    unit: "{connection}",
  });
  gauge.addCallback((result) => {
    const stats = server.stats();
    for (const state of ["opening", "idle", "active", "upgraded"] as const) {
      result.observe(stats[state], { "http.connection.state": state });
    }
  });
  meter.createObservableCounter("http_upgrade.server.io", { unit: "By" }).addCallback((result) => {
    const { receivedBytes, sentBytes } = server.stats();
    result.observe(receivedBytes, { "network.io.direction": "receive" });
    result.observe(sentBytes, { "network.io.direction": "transmit" });
  });
  return server;
}

function serverTelemetry(): { readonly server: ServerTrace; contextOf(request: Request): Context } {
  const calls = new Calls<TracedServerExchange>("server");
  const contexts = new WeakMap<Request, Context>();
  const server: ServerTrace = {
    requestBegun({ exchange }) {
      const { head, request, connection } = exchange;
      const { remote } = connection;
      const url = request === null ? null : new URL(request.url);
      const counted = {
        "http.request.method": knownMethod(head.method),
        "url.scheme": connection.tls === null ? "http" : "https",
        "network.protocol.version": head.version,
      };
      const attributes = {
        ...counted,
        ...unknownMethod(head.method),
        "url.path": url?.pathname,
        "url.query": url?.search.slice(1) || undefined,
        "server.address": url?.hostname,
        "server.port": url === null ? undefined : portOf(url),
        "user_agent.original": head.fields.get("user-agent") ?? undefined,
        ...("hostname" in remote
          ? {
            "client.address": remote.hostname,
            "network.peer.address": remote.hostname,
            "network.peer.port": remote.port,
          }
          : {}),
      };
      const parent = propagation.extract(ROOT_CONTEXT, head.fields, {
        keys: (fields) => [...fields].map(([name]) => name),
        get: (fields, name) => fields.get(name) ?? undefined,
      });
      const call = calls.begin(exchange, parent, counted, attributes);
      if (request !== null) contexts.set(request, call.context);
    },
    headDecided({ exchange, status }) {
      if (exchange !== null) calls.answer(exchange, status, 500);
    },
    switched: ({ exchange, protocol }) => calls.tell(exchange, "upgrade", { "network.protocol.name": protocol ?? "" }),
    exchangeEnded: (event) => void calls.end(event.exchange, event),
  };
  return { server, contextOf: (request) => contexts.get(request) ?? context.active() };
}

function clientTelemetry(): ClientTrace {
  const calls = new Calls<TracedClientExchange>("client");
  const begin = (exchange: TracedClientExchange, retries: number) => {
    const { method, url, fields } = exchange;
    const counted = {
      "http.request.method": knownMethod(method),
      "server.address": url.hostname,
      "server.port": portOf(url),
    };
    const attributes = {
      ...counted,
      ...unknownMethod(method),
      "url.full": url.href,
      "http.request.resend_count": retries === 0 ? undefined : retries,
    };
    const call = calls.begin(exchange, context.active(), counted, attributes, retries);
    propagation.inject(call.context, fields, {
      set(fields, name, value) {
        const before = fields.findIndex((field) => field[0].toLowerCase() === name);
        if (before >= 0) fields.splice(before, 1);
        fields.push([name, value]);
      },
    });
  };
  return {
    requestBegun: ({ exchange }) => begin(exchange, 0),
    poolWaitBegun: ({ exchange }) => calls.tell(exchange, "wait for a connection"),
    poolWaitEnded: ({ exchange }) => calls.tell(exchange, "no wait any more"),
    retried(event) {
      if (event.status !== undefined) calls.answer(event.exchange, event.status, 400);
      begin(event.exchange, calls.end(event.exchange, event) + 1);
    },
    headDecided: ({ exchange, head }) => calls.answer(exchange, head.status, 400),
    switched: ({ exchange, protocol }) => calls.tell(exchange, "upgrade", { "network.protocol.name": protocol ?? "" }),
    exchangeEnded: (event) => void calls.end(event.exchange, event),
  };
}

/** The spans under way of one role, and its metrics. */
class Calls<Exchange extends object> {
  readonly #open = new Map<Exchange, Call>();
  readonly #role: "server" | "client";
  readonly #tracer = trace.getTracer(NAME);
  readonly #duration;
  readonly #active;
  readonly #requestBody;
  readonly #responseBody;

  constructor(role: "server" | "client") {
    const meter = metrics.getMeter(NAME);
    this.#role = role;
    this.#active = meter.createUpDownCounter(`http.${role}.active_requests`, { unit: "{request}" });
    this.#duration = meter.createHistogram(`http.${role}.request.duration`, {
      unit: "s",
      advice: { explicitBucketBoundaries: BUCKETS },
    });
    this.#requestBody = meter.createHistogram(`http.${role}.request.body.size`, { unit: "By" });
    this.#responseBody = meter.createHistogram(`http.${role}.response.body.size`, { unit: "By" });
  }

  begin(exchange: Exchange, parent: Context, counted: Attributes, attributes: Attributes, retries = 0): Call {
    const kind = this.#role === "server" ? SpanKind.SERVER : SpanKind.CLIENT;
    const method = counted["http.request.method"];
    const span = this.#tracer.startSpan(method === "_OTHER" ? "HTTP" : `${method}`, { kind, attributes }, parent);
    const call = {
      span,
      context: trace.setSpan(parent, span),
      beganMs: performance.now(),
      counted: { ...counted },
      retries,
    };
    this.#open.set(exchange, call);
    this.#active.add(1, counted);
    return call;
  }

  tell(exchange: Exchange, event: string, attributes: Attributes = {}): void {
    this.#open.get(exchange)?.span.addEvent(event, attributes);
  }

  /** A status from `wrongFrom` on is an error. */
  answer(exchange: Exchange, status: number, wrongFrom: number): void {
    const call = this.#open.get(exchange);
    if (call === undefined) return;
    call.counted["http.response.status_code"] = status;
    if (status >= wrongFrom) call.counted["error.type"] = `${status}`;
  }

  /** @returns How often it was sent again before. */
  end(exchange: Exchange, outcome: { readonly error?: unknown } & Partial<BodyBytes>): number {
    const call = this.#open.get(exchange);
    if (call === undefined) return 0;
    this.#open.delete(exchange);
    const { span, counted, beganMs, retries } = call;
    if ("error" in outcome) {
      span.recordException(outcome.error as Error);
      counted["error.type"] = typeOf(outcome.error);
    }
    if (counted["error.type"] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttributes(counted);
    span.end();
    const { "http.response.status_code": _, "error.type": __, ...atFirst } = counted;
    this.#active.add(-1, atFirst);
    this.#duration.record((performance.now() - beganMs) / 1000, counted);
    const { requestBodyBytes, responseBodyBytes } = outcome;
    if (requestBodyBytes !== undefined) this.#requestBody.record(requestBodyBytes, counted);
    if (responseBodyBytes !== undefined) this.#responseBody.record(responseBodyBytes, counted);
    return retries;
  }
}

function knownMethod(method: string): string {
  return METHODS.includes(method) ? method : "_OTHER";
}

/** Nothing that peers make up goes into metrics. */
function unknownMethod(method: string): Attributes {
  return METHODS.includes(method) ? {} : { "http.request.method_original": method };
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

/** Few enough to count by. */
function typeOf(error: unknown): string {
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
  return typeof code === "string" ? `${name}.${code}` : typeof name === "string" ? name : "_OTHER";
}
