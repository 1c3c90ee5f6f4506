/**
 * The things that clients do: fetch, upgrade, tunnel, end one side, be slow, leave in the middle.
 *
 * @module
 */

import type { Client } from "../../mod.ts";
import { connect, type Socket } from "../../src/net/mod.ts";
import { contents, expectContents, expectCount, expectEcho, readResponse, type Source } from "./contents.ts";
import { pause } from "./measure.ts";

/** What a thing is done with. */
export interface Situation {
  /** The client. */
  readonly client: Client;
  /** The server's origin. */
  readonly base: string;
  /** The server's port. */
  readonly port: number;
  /** The proxy. */
  readonly proxy: string;
  /** Over the proxy, or not. */
  readonly route: { readonly proxy?: string };
  /** Changes its mind. */
  readonly signal: AbortSignal;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Its number: whose bytes they are. */
  readonly exchange: number;
}

/** Does it; fails where bytes were lost or are not those that were sent. */
export type Thing = (situation: Situation) => Promise<unknown>;

const answered = (path: string, status = 200): Thing => async ({ client, base, route, signal }) => {
  const response = await client.fetch(base + path, { ...route, signal });
  await response.arrayBuffer();
  if (response.status !== status) throw new Error(`${path} was answered with ${response.status}`);
};

const reading = (path: string, bytes: number): Thing => async ({ client, base, route, signal, exchange }) => {
  const response = await client.fetch(`${base}${path}?${exchange}`, { ...route, signal });
  expectContents(new Uint8Array(await response.arrayBuffer()), exchange, bytes, path);
};

/** By name. */
export const things: Readonly<Record<string, Thing>> = {
  get: answered("/"),
  large: reading("/large", 500_000),
  slow: reading("/slow", 20_000),
  moved: answered("/moved"),
  never: answered("/never"),
  failing: answered("/failing", 500),
  async post({ client, base, route, signal, random, exchange }) {
    const length = Math.floor(random() * 200_000);
    const body = contents(exchange, length);
    const response = await client.fetch(`${base}/?${exchange}`, { ...route, method: "POST", body, signal });
    expectCount(await response.text(), length);
  },
  async stream({ client, base, route, signal, exchange }) {
    const body = new Blob([contents(exchange, 100_000)]).stream();
    const response = await client.fetch(`${base}/?${exchange}`, { ...route, method: "PUT", body, signal });
    expectCount(await response.text(), 100_000);
  },
  async unread({ client, base, route, signal, exchange }) {
    const response = await client.fetch(`${base}/large?${exchange}`, { ...route, signal });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
  },
  async upgrade({ client, base, route, signal, random, exchange }) {
    const io = await client.upgrade(base, { ...route, protocol: "echo", signal });
    await expectEcho(io, exchange, Math.floor(random() * 200_000) + 1, random);
    await io.close();
  },
  async leave({ client, base, route, signal, exchange }) {
    const io = await client.upgrade(base, { ...route, protocol: "echo", signal });
    io.write(contents(exchange, 100_000)).catch(() => {});
    io.abort();
  },
  async tunnel({ client, port, proxy, signal, exchange }) {
    const io = await client.connect(`127.0.0.1:${port}`, { proxy, signal });
    await io.write(head(`/large?${exchange}`, "Connection: close"));
    await io.closeWrite();
    await readResponse(io, exchange, 500_000, "a tunnel");
    await io.close();
  },
  async halfClosed({ port, exchange }) {
    const socket = await dial(port);
    await socket.write(head(`/large?${exchange}`));
    await socket.closeWrite();
    await readResponse(socket, exchange, 500_000, "half closed");
    await socket.close();
  },
  async slowSender({ port }) {
    const socket = await dial(port);
    const bytes = head("/", "Connection: close");
    for (let at = 0; at < bytes.length; at += 8) {
      await socket.write(bytes.subarray(at, at + 8));
      await pause(1);
    }
    if (!(await textOf(socket)).endsWith("\r\n\r\n0")) throw new Error("a slow request was not answered");
    await socket.close();
  },
  async slowReader({ port, exchange }) {
    const socket = await dial(port);
    await socket.write(head(`/large?${exchange}`, "Connection: close"));
    const slowly = async () => {
      await pause(1);
      return await socket.read();
    };
    await readResponse({ read: slowly }, exchange, 500_000, "a slow reader");
    await socket.close();
  },
  async vanish({ port, random }) {
    const socket = await dial(port);
    const bytes = head("/large", "Connection: upgrade", "Upgrade: echo");
    await socket.write(bytes.subarray(0, 1 + Math.floor(random() * bytes.length)));
    socket.abort();
  },
  async silent({ port, random }) {
    const socket = await dial(port);
    // The server hangs up after its headTimeoutMs, for which only some wait.
    if (random() < 0.05 && await socket.read() !== null) throw new Error("a server spoke unasked");
    await socket.close();
  },
  async noise({ port, random }) {
    const socket = await dial(port);
    await socket.write(Uint8Array.from({ length: 64 }, () => Math.floor(random() * 256)));
    await socket.closeWrite();
    await textOf(socket);
    await socket.close();
  },
};

async function dial(port: number): Promise<Socket> {
  const socket = connect({ hostname: "127.0.0.1", port });
  await socket.opened;
  return socket;
}

function head(path: string, ...lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode([`GET ${path} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n"));
}

async function textOf(io: Source): Promise<string> {
  const decoder = new TextDecoder("latin1");
  let text = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) text += decoder.decode(chunk);
  return text;
}
