/**
 * The small protocol that the WebSocket peers of the interop tests speak: a server of ours, and what a client of ours
 * goes through with any server of it.
 *
 * A server sends back what it gets, but obeys texts that begin with `!`: `!close 4001 why` closes, `!close` closes without
 * a code, `!leave` cuts the connection (which may end the server as well), `!ping` sends `ponged` when its Ping was answered, `!parts` sends a text in three
 * frames. It takes the subprotocol `chat`. At `/secret` it answers 401 with a body unless there are credentials.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import type { WebSocketStreamOptions } from "../../src/websocket/connect.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket, type UpgradeWebSocketOptions } from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { sameBytes } from "./bytes.ts";

/** What `!parts` sends, each part in a frame. */
export const PARTS: readonly string[] = ["one, ", "two, ", "thré€ 💬"];

/** The sizes at which the length of a frame's header changes, and one that takes many reads. */
export const SIZES: readonly number[] = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000];

/** A handler that speaks the protocol. */
export function talking(options: UpgradeWebSocketOptions = {}): ServeHandler {
  return (request) => {
    if (new URL(request.url).pathname === "/secret" && !request.headers.has("authorization")) {
      return new Response("who are you?", { status: 401, headers: { "www-authenticate": "Basic" } });
    }
    const { response, socket } = upgradeWebSocket(request, { protocols: ["chat"], ...options });
    socket.opened.then(talk).catch(() => {});
    return response;
  };
}

/** Speaks the protocol as a server. */
export async function talk(io: WebSocketConnection): Promise<void> {
  for (let message = await io.read(); message !== null; message = await io.read()) {
    if (typeof message !== "string" || !message.startsWith("!")) await io.write(message);
    else if (message === "!leave") io.abort();
    else if (message === "!ping") await answerPing(io);
    else if (message === "!parts") await io.writeParts(partsOf(PARTS));
    else await io.close(closeOptions(message));
  }
}

async function answerPing(io: WebSocketConnection): Promise<void> {
  const answered = io.ping(new TextEncoder().encode("are you there?"));
  answered.then(() => io.write("ponged"), () => {});
}

/** What `!close 4001 why` asks for. */
function closeOptions(command: string): { closeCode?: number; reason?: string } {
  const [, code, ...reason] = command.split(" ");
  return code === undefined ? {} : { closeCode: Number(code), reason: reason.join(" ") };
}

async function* partsOf<Part>(parts: readonly Part[]): AsyncGenerator<Part> {
  yield* parts;
}

/** What a peer cannot do; all can do the rest. */
export interface Talker {
  /** Whether compression is agreed on. */
  readonly deflate: boolean;
  /** Whether `!ping` works. True. */
  readonly pings?: boolean;
  /** Whether `!parts` works. True. */
  readonly parts?: boolean;
  /** Whether a message right before a Close frame is answered. True. */
  readonly answersLast?: boolean;
  /** Whether the answer to a Close frame has its code. True. */
  readonly echoesCode?: boolean;
}

/** Goes through the protocol with a server. */
export async function expectTalk(url: string, options: WebSocketStreamOptions, talker: Talker): Promise<void> {
  const connect = (path = "/"): WebSocketStream =>
    new WebSocketStream(new URL(path, url), { protocols: ["soap", "chat"], ...options });
  await expectMessages(connect(), talker);
  await expectOurClose(connect(), talker);
  await expectRefusal(connect, options);
  await expectTheirClose(connect);
}

async function expectMessages(socket: WebSocketStream, talker: Talker): Promise<void> {
  const io = await socket.opened;
  assertEquals(io.protocol, "chat");
  assertEquals(io.extensions.startsWith("permessage-deflate"), talker.deflate, io.extensions);
  // What takes the longest is sent once where it costs no compressing.
  for (const size of talker.deflate ? SIZES : [...SIZES, 1_048_576]) {
    for (const message of [textOf(size), zeros(size), noise(size)]) {
      await io.write(message);
      expectSame(await io.read(), message);
    }
  }
  await io.writeParts(partsOf(PARTS));
  assertEquals(await io.read(), PARTS.join(""));
  await io.writeParts(partsOf([zeros(70_000), noise(70_000)]));
  assertEquals((await io.read())!.length, 140_000);
  for (let i = 0; i < 200; i++) void io.write(`${i} ${"x".repeat(i * 10)}`);
  for (let i = 0; i < 200; i++) assertMatch(await io.read() as string, new RegExp(`^${i} `));
  await io.ping();
  assertEquals(io.bufferedAmount, 0);
  if (talker.pings ?? true) {
    await io.write("!ping");
    assertEquals(await io.read(), "ponged");
  }
  if (talker.parts ?? true) {
    await io.write("!parts");
    assertEquals(await io.read(), PARTS.join(""));
  }
  if (talker.answersLast ?? true) await io.write("last");
  const closed = io.close({ closeCode: 1000 });
  if (talker.answersLast ?? true) assertEquals(await io.read(), "last");
  assertEquals(await io.read(), null);
  const { wasClean, error } = await closed;
  assertEquals([wasClean, error], [true, undefined]);
}

async function expectOurClose(socket: WebSocketStream, talker: Talker): Promise<void> {
  await socket.opened;
  socket.close({ closeCode: 3001, reason: "bye" });
  const { closeCode, wasClean } = await socket.closed;
  assert(wasClean);
  if (talker.echoesCode ?? true) assertEquals(closeCode, 3001);
}

async function expectTheirClose(connect: () => WebSocketStream): Promise<void> {
  const coded = connect();
  await (await coded.opened).write("!close 4001 so bé it");
  assertEquals(await (await coded.opened).read(), null);
  assertEquals(await coded.closed, { closeCode: 4001, reason: "so bé it", wasClean: true });
  const bare = connect();
  await (await bare.opened).write("!close");
  assertEquals(await (await bare.opened).read(), null);
  const { closeCode, reason, wasClean } = await bare.closed;
  assert((closeCode === 1005 || closeCode === 1000) && reason === "" && wasClean, `${closeCode} ${reason} ${wasClean}`);
  const cut = connect();
  await (await cut.opened).write("!leave");
  const failure: unknown = await (await cut.opened).read().then((read) => read, (error) => error);
  assert(failure instanceof TransportError, `${failure}`);
  const closed = await cut.closed;
  assertEquals([closed.closeCode, closed.wasClean, closed.error === failure], [1006, false, true]);
}

async function expectRefusal(
  connect: (path: string) => WebSocketStream,
  options: WebSocketStreamOptions,
): Promise<void> {
  const asked = connect("/secret");
  const refused: unknown = await asked.opened.then(() => null, (error) => error);
  assert(refused instanceof UpgradeRejected && refused.response instanceof Response, `${refused}`);
  assertEquals([refused.status, await refused.response.text()], [401, "who are you?"]);
  assertEquals(refused.response.headers.has("www-authenticate"), true);
  const headers = { authorization: "Basic dTpw" };
  const socket = new WebSocketStream(asked.url, { ...options, headers });
  assertEquals((await socket.opened).protocol, "");
  socket.close();
  assertEquals((await socket.closed).wasClean, true);
}

/** A text of so many characters of one to four bytes. */
export function textOf(size: number): string {
  return "aé€💬 déflate ".repeat(size / 12 + 1).slice(0, size).replace(/[\ud800-\udbff]$/, "x");
}

/** Bytes that compress well. */
export function zeros(size: number): Uint8Array {
  return new Uint8Array(size).fill(7, size >> 1);
}

/** Bytes that do not. */
export function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = size;
  for (let i = 0; i < size; i++) bytes[i] = (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
  return bytes;
}

/** A message came back as it was sent. */
export function expectSame(found: string | Uint8Array | null, sent: string | Uint8Array): void {
  assertEquals(typeof found, typeof sent);
  assertEquals(found!.length, sent.length);
  if (typeof sent === "string") return assert(found === sent, "the text is another one");
  assert(sameBytes(found as Uint8Array, sent), "the bytes are others");
}
