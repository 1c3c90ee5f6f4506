import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { serverChannels, type ServerTraceEvents } from "../../src/http/server/server_trace.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { acceptConnect, acceptUpgrade } from "../../src/node_http/accept.ts";
import { toNodeHandler } from "../../src/node_http/node_handler.ts";
import { dial, say } from "../support/http_server.ts";
import { nodeServer } from "../support/node_server.ts";
import { type Told, tracing } from "../support/tracing.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";

const names = Object.keys(serverChannels.kinds) as (keyof ServerTraceEvents)[];
const traced = () => tracing<ServerTraceEvents>(names);

/** An event in short, with what the connection carried. */
function short([name, event]: Told<ServerTraceEvents>): string {
  const said = event as unknown as Record<string, { readonly head?: { readonly target: string } } | number | undefined>;
  const values = ["status", "protocol", "requestBodyBytes", "responseBodyBytes", "receivedBytes", "sentBytes", "error"];
  const target = (said["exchange"] as { readonly head?: { readonly target: string } } | null | undefined)?.head?.target;
  return [name, target, ...values.map((value) => said[value])].filter((value) => value !== undefined).join(" ");
}

test("acceptUpgrade() and acceptConnect() with trace tell what serve() tells", async () => {
  const { trace, told, until } = traced();
  const node = await nodeServer({
    upgrade: (req, socket, head) => {
      acceptUpgrade(req, socket, head, (request) =>
        upgradeResponse(request, "echo", {}, async (io) => {
          await io.write((await io.read())!);
          await io.close();
        }).response, { trace });
    },
    connect: (req, socket, head) => {
      acceptConnect(req, socket, head, (request) => connectResponse(request, {}, (io) => io.close()).response, {
        trace,
      });
    },
  });
  await say(node.port, "GET /up HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
  await until("upgradedClosed");
  const lines = told.map(short);
  assertEquals(lines, [
    "connectionOpened",
    "requestBegun /up",
    "headDecided /up 101",
    "switched /up echo",
    "exchangeEnded /up 0 0",
    "connectionClosed",
    "upgradedClosed /up 5 5",
  ]);
  await say(node.port, "CONNECT a:1 HTTP/1.1¶Host: a:1¶¶");
  await until("upgradedClosed", 2);
  assertEquals(told.map(short).slice(lines.length).filter((line) => line.startsWith("switched")), ["switched a:1 "]);
  await node.close();
});

test("toNodeHandler() with trace tells requests, their bodies and failures; connections are those of node:http", async () => {
  const { trace, told, until } = traced();
  const handler = toNodeHandler(async (request) => {
    if (request.url.endsWith("/fails")) throw new RangeError("no");
    if (request.method === "HEAD") return new Response("unsent");
    return new Response(request.url.endsWith("/text") ? "é" : (await request.blob()).stream());
  }, { trace, onError() {} });
  const node = await nodeServer({ request: handler });
  const socket = dial(node.port);
  await socket.write(wire("POST /echo HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶3¶abc¶0¶¶"));
  await readUntil(socket, (soFar) => soFar.endsWith("0¶¶"));
  await socket.write(wire("GET /text HTTP/1.1¶Host: a¶Connection: close¶¶"));
  await readAll(socket);
  await socket.close();
  await say(node.port, "HEAD /head HTTP/1.1¶Host: a¶Connection: close¶¶");
  await say(node.port, "GET /fails HTTP/1.1¶Host: a¶Connection: close¶¶");
  await until("exchangeEnded", 4);
  assertEquals(told.map(short), [
    "requestBegun /echo",
    "headDecided /echo 200",
    "exchangeEnded /echo 3 3",
    "requestBegun /text",
    "headDecided /text 200",
    "exchangeEnded /text 0 2",
    "requestBegun /head",
    "headDecided /head 200",
    "exchangeEnded /head 0 0",
    "requestBegun /fails",
    "headDecided /fails 500",
    "exchangeEnded /fails 0 0 RangeError: no",
  ]);
  const connections = told.flatMap(([name, event]) => name === "requestBegun" ? [event.exchange.connection] : []);
  assert(connections[0] === connections[1] && connections[1] !== connections[2]);
  await node.close();
});
