/**
 * Bare sockets that take what comes first for a CONNECT that came whole, look at nothing of it but the address, and pass on the rest:
 * no proxy with sockets of this runtime can do less.
 *
 * @module
 */

import net from "node:net";
import { concat } from "../../../src/bytes/concat.ts";
import { bun, deno, type DenoConn } from "./platform.ts";
import { portOf } from "./ports.ts";
import { listenOnDeno, writeAllOnDeno } from "./raw.ts";

const OK = new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n");
const decoder = new TextDecoder();

/** Opens tunnels. */
export function tunnels(): Promise<number> {
  if (deno !== null) return listenOnDeno(tunnelOnDeno);
  return bun === null ? onNode() : onBun();
}

function addressOf(request: Uint8Array): { hostname: string; port: number } {
  const [hostname, port] = decoder.decode(request).split(" ", 2)[1]!.split(":");
  return { hostname: hostname!, port: Number(port) };
}

/** With `pipe()`. */
function onNode(): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.once("data", (request: Uint8Array) => {
      const { hostname: host, port } = addressOf(request);
      const target = net.connect({ host, port, allowHalfOpen: true, noDelay: true }, () => {
        client.write(OK);
        client.pipe(target);
        target.pipe(client);
      });
      target.on("error", () => client.destroy());
      client.on("error", () => target.destroy());
    });
    client.on("error", () => {});
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}

/** With a loop for each direction. */
async function tunnelOnDeno(client: DenoConn): Promise<void> {
  const head = new Uint8Array(1024);
  const count = await client.read(head);
  if (count === null) return;
  const target = await deno!.connect(addressOf(head.subarray(0, count)));
  target.setNoDelay();
  await client.write(OK);
  await Promise.all([passOnDeno(client, target), passOnDeno(target, client)]).finally(() => target.close());
}

async function passOnDeno(from: DenoConn, to: DenoConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    await writeAllOnDeno(to, buffer.subarray(0, count));
  }
  await to.closeWrite();
}

interface BunSocket {
  data: TunnelEnd;
  write(bytes: Uint8Array): number;
  shutdown(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** One end of a tunnel, and what it has not taken yet. */
interface TunnelEnd {
  other: BunSocket | null;
  unsent: Uint8Array | null;
  /** The other end has no more. */
  ends: boolean;
}

/** Within the callbacks of its sockets. */
function onBun(): Promise<number> {
  const socket = {
    binaryType: "uint8array",
    open: (native: BunSocket) => void (native.data ??= { other: null, unsent: null, ends: false }),
    data(from: BunSocket, bytes: Uint8Array) {
      if (from.data.other === null) openOnBun(from, bytes, socket);
      else passOnBun(from, from.data.other, bytes);
    },
    drain: drainOnBun,
    end: endOnBun,
    // A FIN that comes behind our own is told so only.
    close: endOnBun,
    error() {},
  };
  return Promise.resolve(bun!.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket }).port);
}

function openOnBun(client: BunSocket, request: Uint8Array, socket: object): void {
  client.pause();
  const opened = {
    ...socket,
    open(target: BunSocket) {
      target.data = { other: client, unsent: null, ends: false };
      client.data.other = target;
      client.write(OK);
      client.resume();
    },
  };
  bun!.connect({ ...addressOf(request), allowHalfOpen: true, socket: opened }).catch(() => client.terminate());
}

function endOnBun({ data: { other } }: BunSocket): void {
  if (other === null) return;
  if (other.data.unsent === null) other.shutdown();
  else other.data.ends = true;
}

/** Nothing else comes while the other end has not taken this. */
function passOnBun(from: BunSocket, to: BunSocket, bytes: Uint8Array): void {
  const { data } = to;
  const taken = data.unsent === null ? Math.max(to.write(bytes), 0) : 0;
  if (taken === bytes.length) return;
  const rest = bytes.subarray(taken);
  data.unsent = data.unsent === null ? rest : concat([data.unsent, rest]);
  from.pause();
}

function drainOnBun(to: BunSocket): void {
  const { data } = to;
  if (data.unsent === null) return;
  const taken = Math.max(to.write(data.unsent), 0);
  data.unsent = taken === data.unsent.length ? null : data.unsent.subarray(taken);
  if (data.unsent !== null) return;
  if (data.ends) to.shutdown();
  else data.other?.resume();
}
