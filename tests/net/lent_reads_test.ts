import net from "node:net";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { lendReads } from "../../src/net/node/lent_reads.ts";
import { lendingSockets } from "../../src/net/node/sockets.ts";
import { runtimeName, skipUnless } from "../support/runtime.ts";

const onNode = skipUnless(runtimeName === "node", "only Node lends what it reads");

/**
 * Listens, and connects once.
 *
 * @param hidden Whether the server's handle is not to be found.
 */
async function acceptOne(hidden: boolean): Promise<net.Socket> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const internals = server as unknown as { _handle: unknown };
  const handle = internals._handle;
  if (hidden) internals._handle = {};
  const accepted = new Promise<net.Socket>((resolve) =>
    lendingSockets.accept(server, { noDelay: true, keepAlive: false }, (transport) => {
      transport.detach();
      resolve(transport.native as net.Socket);
    })
  );
  internals._handle = handle;
  net.connect(port, "127.0.0.1").end("hello");
  const socket = await accepted;
  server.close();
  return socket;
}

async function textOf(socket: net.Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  socket.destroy(); // its own side is open: Node 24 leaves it so
  return text;
}

test("lendingSockets: an accepted socket lends what it reads, in the same memory each time", onNode, async () => {
  const socket = await acceptOne(false);
  const chunks: string[] = [];
  const ended = new Promise((resolve) => socket.on("end", resolve));
  const lends = lendReads(socket, {
    onRead(chunk) {
      chunks.push(new TextDecoder().decode(chunk));
      return undefined;
    },
  });
  assert(lends);
  socket.resume();
  await ended;
  socket.destroy();
  assertEquals(chunks.join(""), "hello");
});

test("lendingSockets: a socket that is given back has data events", onNode, async () => {
  const socket = await acceptOne(false);
  assert(lendReads(socket, { onRead: () => undefined }));
  lendReads(socket, null);
  assertEquals(await textOf(socket), "hello");
});

test("lendingSockets: where a server's handle is none that is known, sockets have data events", onNode, async () => {
  const socket = await acceptOne(true);
  assertEquals(lendReads(socket, { onRead: () => undefined }), false);
  assertEquals(await textOf(socket), "hello");
});
