/**
 * A WebSocket server that sends back what it gets, with permessage-deflate: for people, and for test suites such as
 * Autobahn's fuzzing client.
 *
 * `deno run -A scripts/examples/websocket_echo_server.ts --port=9001 --host=127.0.0.1`, or with `bun` or `node`. Ctrl-C
 * ends it.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { serve, type Server, upgradeWebSocket, type WebSocketConnection } from "../../mod.ts";

/** Where to listen. */
export interface EchoOptions {
  /** 127.0.0.1 when left out. */
  readonly hostname?: string | undefined;
  /** 0, the default, lets the system choose. */
  readonly port?: number | undefined;
}

/** Every message is compressed if the client can; the longest one has 64 MiB. */
const options = { deflate: { thresholdBytes: 0 }, maxMessageBytes: 67_108_864 };

/** Serves. What is no WebSocket gets a 400, or a 426 if it is of another version. */
export function webSocketEchoServer({ hostname = "127.0.0.1", port = 0 }: EchoOptions = {}): Server {
  return serve({ hostname, port }, (request) => {
    const { response, socket } = upgradeWebSocket(request, options);
    socket.opened.then(echo).catch(() => {}); // who leaves in the middle is not an error of ours
    return response;
  });
}

async function echo(io: WebSocketConnection): Promise<void> {
  for (let message = await io.read(); message !== null; message = await io.read()) await io.write(message);
}

if (import.meta.main ?? false) {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "9001" }, host: { type: "string", default: "127.0.0.1" } },
  });
  const server = webSocketEchoServer({ hostname: values.host, port: Number(values.port) });
  const [{ port }] = await server.listening;
  console.log(`Echoing at ws://${values.host}:${port}/`);
  process.once("SIGINT", () => server.shutdown({ upgraded: "close" }));
  await server.finished;
}
