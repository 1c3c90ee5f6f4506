/**
 * A server and a client that upgrade each other, like hyper's `examples/upgrades.rs`.
 *
 * They meet over TCP, speak HTTP for one exchange, and go on in a protocol of their own called "foobar": lines of text,
 * each answered by one. Run it with `deno run -A`, `bun` or `node`; it ends by itself.
 *
 * @module
 */

import {
  handshake,
  onUpgrade,
  type OutgoingResponse,
  serveConnection,
  type Upgraded,
  upgradeResponse,
  wantsUpgrade,
} from "../../src/http1/mod.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { headline, overheard, tell } from "./transcript.ts";

// The protocol, the same for both sides: lines of text.

const encoder = new TextEncoder();

async function say(io: Upgraded, line: string): Promise<void> {
  await io.write(encoder.encode(`${line}\n`));
}

async function* hear(io: Upgraded): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

// The server: HTTP until somebody wants foobar.

async function speakAsServer(io: Upgraded): Promise<void> {
  for await (const line of hear(io)) await say(io, `you said ${JSON.stringify(line)}`);
  tell("server", "has heard the end, and may still speak");
  await say(io, "farewell");
  await io.close();
}

async function serveOne(): Promise<{ readonly port: number; readonly done: Promise<unknown> }> {
  const listener = await listen({ hostname: "127.0.0.1" });
  let speaking: Promise<void> | undefined;

  async function serve(): Promise<void> {
    const socket = (await listener.accept())!;
    const connection = serveConnection(overheard(socket, "server"), (request): OutgoingResponse => {
      if (!wantsUpgrade(request, "foobar")) return { status: 426, fields: [["Upgrade", "foobar"]] };
      tell("server", "accepts, and has been promised the connection");
      const { response, upgraded } = upgradeResponse(request, "foobar");
      speaking = upgraded.then(speakAsServer);
      return response;
    });
    tell("server", `is done with HTTP: ${(await connection.closed).reason}`);
    await speaking;
    await listener.close();
  }
  return { port: listener.address.port, done: serve() };
}

// The client: asks for foobar and speaks it.

async function speakAsClient(io: Upgraded): Promise<void> {
  const answers = hear(io);
  for (const line of ["hello", "all bytes behind the 101 are ours"]) {
    await say(io, line);
    await answers.next();
  }
  tell("client", "ends its side and listens on");
  await io.closeWrite();
  for await (const line of answers) tell("client", `has been told ${JSON.stringify(line)} after its own end`);
  await io.close();
}

async function runClient(port: number): Promise<void> {
  const socket = connect({ hostname: "127.0.0.1", port });
  const { sender, connection } = handshake(overheard(socket, "client"));
  const response = await sender.send({
    method: "GET",
    target: "/chat",
    fields: [["Host", `127.0.0.1:${port}`], ["Connection", "upgrade"], ["Upgrade", "foobar"]],
  });
  const io = await onUpgrade(response);
  tell("client", `is done with HTTP: ${(await connection.closed).reason}; the protocol is ${io.protocol}`);
  await speakAsClient(io);
}

headline("An upgrade: HTTP for one exchange, then a protocol of our own");
const { port, done } = await serveOne();
await runClient(port);
await done;
console.log("\nBoth sides have ended.");
