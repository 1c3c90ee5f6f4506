import { test, type TestContext } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type ChatOptions, type RunningChat, startChat } from "../../scripts/examples/chat/server.ts";
import type { RoomEvent } from "../../scripts/examples/chat/room.ts";
import { Client } from "../../src/http/client/client.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import type { WebSocketStreamOptions } from "../../src/websocket/connect.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";

async function started(t: TestContext, options: Partial<ChatOptions> = {}): Promise<RunningChat> {
  const chat = await startChat({ page: "<!doctype html>the page", ...options });
  t.after(() => chat.close());
  return chat;
}

/** Somebody in a room, who has been welcomed. */
interface Member {
  readonly socket: WebSocketConnection;
  readonly welcome: RoomEvent & { readonly type: "welcome" };
  say(text: string): Promise<void>;
  hear(): Promise<RoomEvent>;
}

async function join(
  { port }: RunningChat,
  room: string,
  name: string,
  options: WebSocketStreamOptions = {},
): Promise<Member> {
  const url = `ws://127.0.0.1:${port}/${room}?name=${encodeURIComponent(name)}`;
  const socket = await new WebSocketStream(url, options).opened;
  const hear = async (): Promise<RoomEvent> => JSON.parse(`${await socket.read()}`);
  const welcome = await hear();
  assert(welcome.type === "welcome");
  return { socket, welcome, say: (text) => socket.write(text), hear };
}

/** What is said, without when. */
async function heard(member: Member): Promise<string> {
  const event = await member.hear();
  if (event.type === "said") return `${event.name}: ${event.text}`;
  return event.type === "welcome" ? "welcome" : `${event.name} ${event.type}`;
}

/** The answer to somebody who may not join. */
async function refusal(joining: () => Promise<Member>): Promise<[number, string]> {
  const { response } = await assertRejects(joining, UpgradeRejected);
  assert(response instanceof Response);
  return [response.status, await response.text()];
}

test("examples/chat: members hear who joins, what is said, and who leaves", async (t) => {
  const chat = await started(t);
  const ada = await join(chat, "lobby", "Ada");
  assertEquals(ada.welcome, { type: "welcome", you: "Ada", members: ["Ada"], history: [] });
  const bob = await join(chat, "lobby", "Bob");
  assertEquals(bob.welcome.members, ["Ada", "Bob"]);
  assertEquals(await heard(ada), "Bob joined");
  await ada.say("hello");
  await bob.say("héllo 👋");
  for (const member of [ada, bob]) {
    const both = [await heard(member), await heard(member)].sort();
    assertEquals(both, ["Ada: hello", "Bob: héllo 👋"]);
  }
  assertEquals((await bob.socket.close({ closeCode: 1000 })).wasClean, true);
  assertEquals(await heard(ada), "Bob left");
  ada.socket.abort();
});

test("examples/chat: who vanishes without a Close frame has left", async (t) => {
  const chat = await started(t);
  const ada = await join(chat, "lobby", "Ada");
  const bob = await join(chat, "lobby", "Bob");
  bob.socket.abort();
  assertEquals([await heard(ada), await heard(ada)], ["Bob joined", "Bob left"]);
  ada.socket.abort();
});

test("examples/chat: rooms are apart, and go with their last member", async (t) => {
  const chat = await started(t);
  const ada = await join(chat, "here", "Ada");
  const bob = await join(chat, "there", "Bob");
  assertEquals(chat.rooms, 2);
  await bob.say("is anybody there?");
  assertEquals(await heard(bob), "Bob: is anybody there?");
  await bob.socket.close();
  await ada.say("nobody else");
  assertEquals(await heard(ada), "Ada: nobody else");
  const back = await join(chat, "there", "Bob");
  assertEquals(back.welcome.history, []);
  await Promise.all([ada.socket.close(), back.socket.close()]);
  await chat.close();
  assertEquals(chat.rooms, 0);
});

test("examples/chat: newcomers are told what was said, up to the length of the history", async (t) => {
  const chat = await started(t, { historyLength: 3 });
  const ada = await join(chat, "lobby", "Ada");
  for (const text of ["1", "2", "3", "4", " ", ""]) await ada.say(text);
  for (const text of ["1", "2", "3", "4"]) assertEquals(await heard(ada), `Ada: ${text}`);
  const { welcome, socket } = await join(chat, "lobby", "Bob");
  assertEquals(welcome.history.map(({ text }) => text), ["2", "3", "4"]);
  ada.socket.abort();
  socket.abort();
});

test("examples/chat: names are told apart, and are one line that can be shown", async (t) => {
  const chat = await started(t);
  const names: string[] = [];
  for (const wanted of ["Ada", "Ada", " Ada ", "", "a\n\tb\u202e", "x".repeat(99)]) {
    const { welcome, socket } = await join(chat, "lobby", wanted);
    names.push(welcome.you);
    void drain(socket);
  }
  assertEquals(names, ["Ada", "Ada 2", "Ada 3", "guest", "ab", "x".repeat(32)]);
});

async function drain(socket: WebSocketConnection): Promise<void> {
  while (await socket.read() !== null);
}

test("examples/chat: bytes are answered with 1003, a message too long with 1009 (RFC 6455 §7.4.1)", async (t) => {
  const chat = await started(t);
  const witness = await join(chat, "lobby", "Ada");
  const bob = await join(chat, "lobby", "Bob");
  await bob.socket.write(new Uint8Array(3));
  await drain(bob.socket);
  assertEquals((await bob.socket.closed).closeCode, 1003);
  const cem = await join(chat, "lobby", "Cem", { deflate: false });
  await cem.say("x".repeat(5000));
  await drain(cem.socket);
  assertEquals((await cem.socket.closed).closeCode, 1009);
  const told = ["Bob joined", "Bob left", "Cem joined", "Cem left"];
  for (const line of told) assertEquals(await heard(witness), line);
  witness.socket.abort();
});

test("examples/chat: who does not read is dropped with 1013, and holds up nobody", { timeout: 30_000 }, async (t) => {
  const chat = await started(t, { maxMessageBytes: 1 << 20, historyLength: 1, maxBacklogBytes: 1 << 20 });
  const ada = await join(chat, "lobby", "Ada");
  const slow = await join(chat, "lobby", "Slow", { deflate: false });
  assertEquals(await heard(ada), "Slow joined");
  // More than the sockets' buffers on the way can hold, in any case.
  const text = "x".repeat(256 << 10);
  let said = 0;
  for (let event = ""; event !== "Slow left"; event = await heard(ada)) {
    if (event.startsWith("Ada: ")) said++;
    assert(said < 400, "100 MiB are on their way to somebody who does not read");
    if (event === "" || event.startsWith("Ada: ")) await ada.say(text);
  }
  assert(said > 0);
  // What was on its way is still there for who begins to read in time.
  let missed = 0;
  while (await slow.socket.read() !== null) missed++;
  assert(missed > 0 && missed <= said, `${missed} of ${said}`);
  const { closeCode, reason, wasClean } = await slow.socket.closed;
  assertEquals({ closeCode, reason, wasClean }, {
    closeCode: 1013,
    reason: "Too much waits; come back",
    wasClean: true,
  });
  ada.socket.abort();
});

test("examples/chat: pages of other origins get a 403, its own and those it was told of may join", async (t) => {
  const chat = await started(t, { origins: ["https://chat.example"] });
  for (const origin of [`http://127.0.0.1:${chat.port}`, "https://chat.example"]) {
    const { socket } = await join(chat, "lobby", "Ada", { headers: { origin } });
    await socket.close();
  }
  for (const origin of ["https://evil.example", "null", `https://127.0.0.1:${chat.port}`]) {
    const joining = () => join(chat, "lobby", "Eve", { headers: { origin } });
    assertEquals(await refusal(joining), [403, "No WebSocket: the origin is not allowed"]);
  }
});

test("examples/chat: closing tells all members 1001 and leaves nothing open", async (t) => {
  const chat = await started(t);
  const members = [await join(chat, "a", "Ada"), await join(chat, "b", "Bob")];
  const closing = chat.close();
  for (const { socket } of members) {
    await drain(socket);
    assertEquals(await socket.closed, { closeCode: 1001, reason: "The server goes away", wasClean: true });
  }
  await closing;
  assertEquals(chat.rooms, 0);
});

test("examples/chat: browsers get the page for every room; what is no room is not found", async (t) => {
  const chat = await started(t);
  const client = new Client();
  t.after(() => client.close());
  const ask = async (path: string, method = "GET"): Promise<{ status: number; headers: Headers; body: string }> => {
    const response = await client.fetch(`http://127.0.0.1:${chat.port}${path}`, { method, redirect: "manual" });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  const page = await ask("/some-room");
  assertEquals([page.status, page.body], [200, "<!doctype html>the page"]);
  assertMatch(page.headers.get("content-security-policy")!, /^default-src 'none';/);
  const root = await ask("/");
  assertEquals([root.status, root.headers.get("location")], [302, "/lobby"]);
  for (const path of ["/a/b", "/%2e%2e%2fetc", "/lobby.txt"]) assertEquals((await ask(path)).status, 404);
  const { status, headers } = await ask("/lobby", "DELETE");
  assertEquals([status, headers.get("allow")], [405, "GET, HEAD"]);
  assertEquals(await refusal(() => join(chat, "a/b", "Ada")), [404, "There is no such room\n"]);
});
