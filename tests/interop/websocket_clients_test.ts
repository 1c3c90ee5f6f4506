/**
 * Clients of browsers' kind against `upgradeWebSocket()`: the runtime's own `WebSocket`, undici's, ours.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { WebSocket as UndiciWebSocket } from "undici";
import type { UpgradeWebSocketOptions } from "../../src/websocket/upgrade.ts";
import { WebSocket as OurWebSocket } from "../../src/websocket/web_socket.ts";
import { listening } from "../support/http_server.ts";
import { runtimeMajor, runtimeName, skipUnless } from "../support/runtime.ts";
import { expectedEvents, playEvents, type WebSocketConstructor } from "../support/websocket_events.ts";
import { talking } from "../support/websocket_talk.ts";

const timeout = { timeout: 30_000 };
const everyMessage = { thresholdBytes: 0 };

const deflates: readonly { readonly name: string; readonly deflate: UpgradeWebSocketOptions["deflate"] }[] = [
  { name: "no deflate", deflate: false },
  { name: "deflate", deflate: true },
  { name: "deflate of every message", deflate: everyMessage },
  {
    name: "no context takeover",
    deflate: { ...everyMessage, serverNoContextTakeover: true, clientNoContextTakeover: true },
  },
  { name: "a small window", deflate: { ...everyMessage, serverMaxWindowBits: 9 } },
];

/** A client of browsers' kind. */
interface EventClient {
  readonly name: string;
  readonly Socket: WebSocketConstructor | undefined;
  /** Whether it offers to compress. */
  readonly deflate: boolean;
  /** Whether it fires `close` when the handshake is refused. Default: it does, as the standard has it. */
  readonly refusalCloses?: boolean;
}

const own = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
const eventClients: readonly EventClient[] = [
  {
    name: `the WebSocket of ${runtimeName}`,
    Socket: own,
    deflate: runtimeName !== "deno",
    // Node 22.23 has undici 6 (nodejs/undici#3546).
    refusalCloses: runtimeName !== "node" || runtimeMajor > 22,
  },
  { name: "undici's WebSocket", Socket: UndiciWebSocket as unknown as WebSocketConstructor, deflate: true },
  { name: "our WebSocket", Socket: OurWebSocket as unknown as WebSocketConstructor, deflate: true },
];

for (const { name, Socket, deflate: offers, refusalCloses } of eventClients) {
  for (const { name: how, deflate } of deflates) {
    test(
      `upgradeWebSocket() and ${name}: messages, closes, cuts, a 401; ${how}`,
      { ...skipUnless(Socket !== undefined, `${runtimeName} ${runtimeMajor} has no WebSocket`), ...timeout },
      async () => {
        const { server, port } = await listening(talking({ deflate }));
        const extensions = offers && deflate !== false ? "permessage-deflate" : "";
        const seen = await playEvents(Socket!, `ws://127.0.0.1:${port}`, extensions, refusalCloses);
        assertEquals(seen, expectedEvents);
        // Clients keep the connection of the 401, and do not end it when the server does.
        await server.shutdown({ signal: AbortSignal.timeout(100) });
      },
    );
  }
}
