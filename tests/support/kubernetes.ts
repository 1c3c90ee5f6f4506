/**
 * As much of Kubernetes' API server as its clients need for `exec` and `port-forward`: the streams of each in the binary
 * messages of a WebSocket, the first byte of which says which one.
 *
 * @module
 */

import { upgradeWebSocket, type WebSocketConnection } from "../../mod.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";

const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const RESIZE = 4;
/** v5: the stream of the second byte is over. */
const CLOSE = 255;

function framed(stream: number, data: string | Uint8Array): Uint8Array {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const message = new Uint8Array(bytes.length + 1);
  message[0] = stream;
  message.set(bytes, 1);
  return message;
}

/** A pod whose one command is `cat`, and that sends back what comes to any of its ports, behind the number. */
export function kubernetes(protocols: readonly string[] = ["v5.channel.k8s.io", "v4.channel.k8s.io"]): ServeHandler {
  return (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.headers.get("authorization") !== "Bearer t") return new Response("Unauthorized", { status: 401 });
    const what = /^\/api\/v1\/namespaces\/default\/pods\/web\/(exec|portforward)$/.exec(pathname)?.[1];
    if (what === undefined) return new Response("not found", { status: 404 });
    return upgradeWebSocket(request, { protocols }, async (io) => {
      if (what === "exec") await exec(io, searchParams.getAll("command").join(" "));
      else await forward(io, Number(searchParams.get("ports")));
    }).response;
  };
}

async function exec(io: WebSocketConnection, command: string): Promise<void> {
  await io.write(framed(STDERR, `${command} begins`));
  for await (const message of io) {
    const [stream = 0, ...rest] = message as Uint8Array;
    if (stream === CLOSE) break;
    const bytes = (message as Uint8Array).subarray(1);
    if (stream === RESIZE) await io.write(framed(STDERR, bytes));
    else if (rest.length > 0) await io.write(framed(STDOUT, bytes));
  }
  if (command === "cat") await finish(io, { status: "Success" });
  else await finish(io, { status: "Failure", reason: "NonZeroExitCode", message: `no ${command}` });
}

async function finish(io: WebSocketConnection, status: object): Promise<void> {
  await io.write(framed(STATUS, JSON.stringify(status))).catch(() => {}); // one of v4 has closed to end stdin
  await io.close();
}

async function forward(io: WebSocketConnection, port: number): Promise<void> {
  const number = new Uint8Array([port & 0xff, port >> 8]);
  await io.write(framed(0, number));
  await io.write(framed(1, number));
  await io.write(framed(0, `port ${port}: `));
  for await (const message of io) await io.write(message);
}
