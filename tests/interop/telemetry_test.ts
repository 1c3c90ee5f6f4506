import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import * as names from "@opentelemetry/semantic-conventions";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { LightResponse } from "../../src/http1/light_response.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { httpTelemetry, observe } from "../../scripts/examples/telemetry.ts";
import { rejection } from "../support/dialing.ts";
import { listening } from "../support/http_server.ts";
import { turns } from "../support/wire.ts";

const exporter = new InMemorySpanExporter();
const reader = new PeriodicExportingMetricReader({
  exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
  exportIntervalMillis: 3_600_000,
});
const provider = new MeterProvider({ readers: [reader] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
metrics.setGlobalMeterProvider(provider);

/** The spans of the requests for a path, the server's before the client's, once so many are over. */
async function spansOf(path: string, many = 2): Promise<ReadableSpan[]> {
  const found = () =>
    exporter.getFinishedSpans().filter(({ attributes }) => {
      const full = attributes[names.ATTR_URL_FULL];
      return path === (full === undefined ? attributes[names.ATTR_URL_PATH] : new URL(`${full}`).pathname);
    });
  while (found().length < many) await turns();
  return found().toSorted((a, b) => a.kind - b.kind);
}

/** The values of a metric, with the attributes they were counted by. */
async function counted(name: string): Promise<{ readonly attributes: object; readonly value: unknown }[]> {
  const { resourceMetrics } = await reader.collect();
  const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  return all.filter(({ descriptor }) => descriptor.name === name).flatMap(({ dataPoints }) => [...dataPoints]);
}

test("examples/telemetry.ts makes spans of OpenTelemetry, one tree of client, server and handler", async () => {
  const telemetry = httpTelemetry();
  const handler = telemetry.inSpan(async (request) => {
    await turns();
    if (request.headers.has("upgrade")) return upgradeResponse(request, "echo", {}, (io) => io.close()).response;
    trace.getTracer("handler").startSpan("work").end();
    if (request.url.endsWith("/fails")) throw new RangeError("no");
    return LightResponse.of("hello");
  });
  const { server, origin, port } = await listening(handler, { trace: telemetry.server });
  observe(server);
  const client = new Client({ trace: telemetry.client });

  const root = trace.getTracer("test").startSpan("root");
  const fetching = context.with(trace.setSpan(context.active(), root), () => client.fetch(`${origin}/a?b=c`));
  await (await fetching).text();
  root.end();
  const [served, asked] = await spansOf("/a") as [ReadableSpan, ReadableSpan];
  const [work] = exporter.getFinishedSpans().filter(({ name }) => name === "work");
  assertEquals(asked.parentSpanContext?.spanId, root.spanContext().spanId);
  assertEquals(served.parentSpanContext?.spanId, asked.spanContext().spanId);
  assertEquals(work!.parentSpanContext?.spanId, served.spanContext().spanId);
  assertEquals(work!.spanContext().traceId, root.spanContext().traceId);
  assertEquals([served.name, served.kind, asked.name, asked.kind], ["GET", SpanKind.SERVER, "GET", SpanKind.CLIENT]);
  const { [names.ATTR_NETWORK_PEER_PORT]: peerPort, ...ofServer } = served.attributes;
  assertEquals(typeof peerPort, "number");
  assertEquals(ofServer, {
    [names.ATTR_HTTP_REQUEST_METHOD]: "GET",
    [names.ATTR_URL_SCHEME]: "http",
    [names.ATTR_URL_PATH]: "/a",
    [names.ATTR_URL_QUERY]: "b=c",
    [names.ATTR_SERVER_ADDRESS]: "127.0.0.1",
    [names.ATTR_SERVER_PORT]: port,
    [names.ATTR_CLIENT_ADDRESS]: "127.0.0.1",
    [names.ATTR_NETWORK_PEER_ADDRESS]: "127.0.0.1",
    [names.ATTR_NETWORK_PROTOCOL_VERSION]: "1.1",
    [names.ATTR_USER_AGENT_ORIGINAL]: "http-upgrade",
    [names.ATTR_HTTP_RESPONSE_STATUS_CODE]: 200,
  });
  assertEquals(asked.attributes, {
    [names.ATTR_HTTP_REQUEST_METHOD]: "GET",
    [names.ATTR_SERVER_ADDRESS]: "127.0.0.1",
    [names.ATTR_SERVER_PORT]: port,
    [names.ATTR_URL_FULL]: `${origin}/a?b=c`,
    [names.ATTR_HTTP_RESPONSE_STATUS_CODE]: 200,
  });

  await (await client.fetch(`${origin}/fails`)).text();
  const [failed, told] = await spansOf("/fails") as [ReadableSpan, ReadableSpan];
  assertEquals([failed.status.code, failed.attributes[names.ATTR_ERROR_TYPE]], [SpanStatusCode.ERROR, "RangeError"]);
  assertEquals([told.status.code, told.attributes[names.ATTR_ERROR_TYPE]], [SpanStatusCode.ERROR, "500"]);

  const io = await client.upgrade(`${origin}/io`, { protocol: "echo" });
  await io.close();
  for (const span of await spansOf("/io")) {
    assertEquals(span.attributes[names.ATTR_HTTP_RESPONSE_STATUS_CODE], 101);
    assertEquals(span.events.map(({ name, attributes }) => [name, attributes]), [
      ["upgrade", { [names.ATTR_NETWORK_PROTOCOL_NAME]: "echo" }],
    ]);
  }
  while (server.stats().upgraded > 0) await turns();

  assertEquals((await counted("http_upgrade.server.connections")).map(({ attributes, value }) => [attributes, value]), [
    [{ "http.connection.state": "opening" }, 0],
    [{ "http.connection.state": "idle" }, 0],
    [{ "http.connection.state": "active" }, 0],
    [{ "http.connection.state": "upgraded" }, 0],
  ]);
  await client.close();
  await server.shutdown();
  const refused = await rejection(new Client({ trace: telemetry.client }).fetch(`${origin}/none`));
  const [none] = await spansOf("/none", 1) as [ReadableSpan];
  assertEquals(none.attributes[names.ATTR_ERROR_TYPE], "TransportError.refused");
  assertEquals(none.events.map(({ attributes }) => attributes?.["exception.message"]), [(refused as Error).message]);

  for (const role of ["server", "client"]) {
    const active = await counted(`http.${role}.active_requests`);
    assert(active.length > 0);
    assertEquals(active.filter(({ value }) => value !== 0), []);
  }
  const statuses = async (name: string) =>
    (await counted(name)).map(({ attributes, value }) => [
      (attributes as Record<string, unknown>)[names.ATTR_HTTP_RESPONSE_STATUS_CODE],
      (value as { readonly count: number }).count,
    ]);
  assertEquals(await statuses(names.METRIC_HTTP_SERVER_REQUEST_DURATION), [[200, 1], [500, 1], [101, 1]]);
  assertEquals(await statuses(names.METRIC_HTTP_CLIENT_REQUEST_DURATION), [[200, 1], [500, 1], [101, 1], [
    undefined,
    1,
  ]]);
  for (const role of ["server", "client"]) {
    const sizes = await counted(`http.${role}.response.body.size`);
    const hello = sizes.find(({ attributes }) => Object.values(attributes).includes(200));
    assertEquals((hello?.value as { readonly sum?: number } | undefined)?.sum, 5);
  }
  const carried = (await counted("http_upgrade.server.io")).map(({ attributes, value }) => [attributes, value]);
  const { receivedBytes, sentBytes } = server.stats();
  assertEquals(carried, [
    [{ "network.io.direction": "receive" }, receivedBytes],
    [{ "network.io.direction": "transmit" }, sentBytes],
  ]);
  assert(receivedBytes > 0 && sentBytes > 0);
  await provider.shutdown();
});
