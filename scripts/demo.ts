/**
 * What this library is for, in one run over real sockets: an upgrade, a proxy, a tunnel, and HTTP and an upgrade inside
 * of it. `deno task demo`, `bun scripts/demo.ts` or `node scripts/demo.ts`; it ends by itself.
 *
 * @module
 */

import {
  type Field,
  handshake,
  onUpgrade,
  type OutgoingResponse,
  serveConnection,
  upgradeResponse,
  wantsUpgrade,
} from "../src/http1/mod.ts";
import { connect, type Duplex, listen, type Listener } from "../src/net/mod.ts";
import { serve } from "../mod.ts";
import { forwardProxy } from "../src/proxy/mod.ts";
import { headline, type Line, overheard, tell } from "./examples/transcript.ts";

// The first part is an example of its own, which runs when it is imported.
await import("./examples/upgrades.ts");

/** A small origin server: answers with what it was asked for, and echoes after an upgrade. */
async function startOrigin(): Promise<{ readonly listener: Listener; readonly authority: string }> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address;
  (async () => {
    for await (const socket of listener) {
      serveConnection(overheard(socket, "origin"), (request): OutgoingResponse => {
        if (!wantsUpgrade(request, "echo")) return { status: 200, body: `this is ${request.target}\n` };
        const { response, upgraded } = upgradeResponse(request, "echo");
        upgraded.then(({ readable, writable }) => readable.pipeTo(writable)).catch(console.error);
        return response;
      });
    }
  })();
  return { listener, authority: `127.0.0.1:${port}` };
}

async function get(io: Duplex, target: string, authority: string): Promise<void> {
  const { sender, connection } = handshake(io);
  const response = await sender.send({ method: "GET", target, fields: [["Host", authority]] });
  await response.body.text();
  await connection.gracefulShutdown();
}

/** Lets the last words of one part be printed before the next part begins. */
function everythingTold(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

const { listener, authority } = await startOrigin();
const proxy = forwardProxy({
  allow: [authority],
  audit: ({ event, method, authority, reason, sent, received }) => {
    if (event === "end") tell("proxy", `${method} ${authority} ${reason}, ${sent} bytes sent, ${received} received`);
  },
});
const server = serve({ hostname: "127.0.0.1", port: 0, connect: proxy.connect }, proxy.handler);
const [{ port }] = await server.listening;
console.log(`\nserve() listens on 127.0.0.1:${port}; without a hostname it would on every IPv4 interface.`);
const dial = (): Line => overheard(connect({ hostname: "127.0.0.1", port }), "client", true);
const host: Field = ["Host", authority];

async function openTunnel(): Promise<Duplex> {
  const { sender } = handshake(dial());
  return await onUpgrade(await sender.send({ method: "CONNECT", target: authority, fields: [host] }));
}

headline("A plain request through a proxy: absolute-form in, origin-form out");
await get(dial(), `http://${authority}/tea`, authority);

await everythingTold();
headline("CONNECT: a tunnel through the proxy, and HTTP inside of it");
await get(await openTunnel(), "/secret/tea", authority);

await everythingTold();
headline("An upgrade inside of a tunnel");
const { sender } = handshake(await openTunnel());
const fields: Field[] = [host, ["Connection", "upgrade"], ["Upgrade", "echo"]];
const echo = await onUpgrade(await sender.send({ method: "GET", target: "/", fields }));
await echo.write(new TextEncoder().encode("is anybody there?\n"));
await echo.read();
await echo.closeWrite();
await echo.read();
await echo.close();

await everythingTold();
await server.shutdown({ upgraded: "close" });
await proxy.close();
await listener.close();
await everythingTold();
console.log("\nEverything has ended; nothing is left open.");
