/**
 * `node:http`'s server, with the usual code of its documentation around the events `upgrade` and `connect`: the 101 and
 * the 200 are written by hand there, so part of what is measured is that code.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import net from "node:net";
import type { Duplex } from "node:stream";
import type { ServerUnderTest } from "../probe.ts";

/** Since Node 24.9; ignored before. */
const options = { shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade === "echo" };

/** `createServer`. */
export async function server(): Promise<ServerUnderTest> {
  const server = createServer(options as ServerOptions, answer);
  server.on("upgrade", upgrade).on("connect", connect);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as net.AddressInfo).port, speaks: "echo", tunnels: true };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.end(`${request.method} ${request.url} ${body}`);
}

function upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
  socket.on("error", () => {});
  if (request.headers.upgrade !== "echo") return void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
}

function connect(request: IncomingMessage, client: Duplex, head: Uint8Array): void {
  client.on("error", () => {});
  const { hostname, port } = new URL(`http://${request.url}`);
  if (hostname === "refused.test") return void client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  const target = net.connect(Number(port || 80), hostname, () => {
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    target.write(head);
    target.pipe(client);
    client.pipe(target);
  });
  target.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
}
