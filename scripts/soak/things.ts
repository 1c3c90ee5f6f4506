/**
 * The things that clients do: fetch, upgrade, tunnel, end one side, be slow, leave in the middle.
 *
 * @module
 */

import type { Client } from "../../mod.ts";
import { connect, type Socket } from "../../src/net/mod.ts";
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
}

/** Does it; fails where bytes were lost. */
export type Thing = (situation: Situation) => Promise<unknown>;

const reading = (path: string, status = 200): Thing => async ({ client, base, route, signal }) => {
  const response = await client.fetch(base + path, { ...route, signal });
  await response.arrayBuffer();
  if (response.status !== status) throw new Error(`${path} was answered with ${response.status}`);
};

/** By name. */
export const things: Readonly<Record<string, Thing>> = {
  get: reading("/"),
  large: reading("/large"),
  slow: reading("/slow"),
  moved: reading("/moved"),
  never: reading("/never"),
  failing: reading("/failing", 500),
  async post({ client, base, route, signal, random }) {
    const length = Math.floor(random() * 200_000);
    const response = await client.fetch(base, { ...route, method: "POST", body: new Uint8Array(length), signal });
    expectCount(await response.text(), length);
  },
  async stream({ client, base, route, signal }) {
    const body = new Blob([new Uint8Array(100_000)]).stream();
    const response = await client.fetch(base, { ...route, method: "PUT", body, signal });
    expectCount(await response.text(), 100_000);
  },
  async unread({ client, base, route, signal }) {
    const response = await client.fetch(`${base}/large`, { ...route, signal });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
  },
  async upgrade({ client, base, route, signal, random }) {
    const io = await client.upgrade(base, { ...route, protocol: "echo", signal });
    await expectEcho(io, Math.floor(random() * 50_000) + 1);
    await io.close();
  },
  async leave({ client, base, route, signal }) {
    const io = await client.upgrade(base, { ...route, protocol: "echo", signal });
    io.write(new Uint8Array(100_000)).catch(() => {});
    io.abort();
  },
  async tunnel({ client, port, proxy, signal }) {
    const io = await client.connect(`127.0.0.1:${port}`, { proxy, signal });
    await io.write(head("/", "Connection: close"));
    await io.closeWrite();
    if (!(await textOf(io)).endsWith("\r\n\r\n0")) throw new Error("the tunnel lost bytes");
    await io.close();
  },
  async halfClosed({ port }) {
    const socket = await dial(port);
    await socket.write(head("/large"));
    await socket.closeWrite();
    const text = await textOf(socket);
    if (text.length - text.indexOf("\r\n\r\n") !== 500_004) throw new Error("the response was cut short");
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
  async slowReader({ port }) {
    const socket = await dial(port);
    await socket.write(head("/large", "Connection: close"));
    let bytes = 0;
    for (let chunk = await socket.read(); chunk !== null; chunk = await socket.read()) {
      bytes += chunk.length;
      await pause(1);
    }
    if (bytes < 500_000) throw new Error("the response was cut short");
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

interface Readable {
  read(): Promise<Uint8Array | null>;
}

async function textOf(io: Readable): Promise<string> {
  const decoder = new TextDecoder("latin1");
  let text = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) text += decoder.decode(chunk);
  return text;
}

interface Echoing extends Readable {
  write(bytes: Uint8Array): Promise<void>;
  closeWrite(): Promise<void>;
}

async function expectEcho(io: Echoing, length: number): Promise<void> {
  const writing = io.write(new Uint8Array(length)).then(() => io.closeWrite());
  writing.catch(() => {}); // if reading fails, that tells
  let back = 0;
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) back += chunk.length;
  await writing;
  if (back !== length) throw new Error(`${length} bytes went, ${back} came back`);
}

function expectCount(told: string, sent: number): void {
  if (told !== `${sent}`) throw new Error(`${sent} bytes went, ${told} arrived`);
}
