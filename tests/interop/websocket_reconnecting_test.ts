import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { WebSocket as PartySocket } from "partysocket";
import ReconnectingWebSocket from "reconnecting-websocket";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocket } from "../../src/websocket/web_socket.ts";
import { listening } from "../support/http_server.ts";

/** As much as both have of the `WebSocket` of browsers. */
interface Reconnecting {
  onopen: unknown;
  onmessage: unknown;
  send(data: string): void;
  close(): void;
}

/** Who the server has let in. */
class Authorized extends WebSocket {
  constructor(url: string, protocols: readonly string[] = []) {
    super(url, { protocols, headers: { authorization: "Bearer t" } });
  }
}

/** Its declarations are those of a CommonJS module. */
const Reconnect = ReconnectingWebSocket as unknown as new (
  url: string,
  protocols: string[],
  options: object,
) => Reconnecting;

const packages: Readonly<Record<string, (url: string) => Reconnecting>> = {
  "reconnecting-websocket": (url) =>
    new Reconnect(url, [], { WebSocket: Authorized, minReconnectionDelay: 1, maxReconnectionDelay: 5 }),
  "partysocket": (url) =>
    new PartySocket(url, [], {
      WebSocket: Authorized,
      minReconnectionDelay: 1,
      maxReconnectionDelay: 5,
    }) as unknown as Reconnecting,
};

for (const [name, connect] of Object.entries(packages)) {
  test(`${name} takes our WebSocket, and connects again when the server cuts it`, async () => {
    const seen: string[] = [];
    const cut = async (socket: WebSocketConnection): Promise<void> => {
      seen.push(`${await socket.read()}`);
      await socket.write("echo");
      if (seen.length < 3) socket.abort();
      else await socket.read();
    };
    const { server, port } = await listening((request) => {
      if (request.headers.get("authorization") !== "Bearer t") return new Response(null, { status: 401 });
      return upgradeWebSocket(request, {}, cut).response;
    });
    const socket = connect(`ws://127.0.0.1:${port}/`);
    let opened = 0;
    socket.onopen = () => socket.send(`hello ${++opened}`);
    await new Promise<void>((resolve) => {
      socket.onmessage = () => void (opened === 3 && resolve());
    });
    socket.close();
    assertEquals(seen, ["hello 1", "hello 2", "hello 3"]);
    await server.shutdown({ upgraded: "close" });
  });
}
