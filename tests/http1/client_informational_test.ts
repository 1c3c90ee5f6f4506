import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import type { ResponseHead } from "../../src/semantics/message.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { everyCut, turns, wire } from "../support/wire.ts";
import { answer, dialing, EMPTY, GET, GET_WIRE, HELLO, Recorder, rejection } from "../support/client.ts";

const CONTINUE = "HTTP/1.1 100 Continue¶¶";
const HINTS = "HTTP/1.1 103 Early Hints¶Link: </a.css>; rel=preload¶Link: </b.js>¶¶";

test("onInformational is told of each 1xx, in order, before send() resolves (RFC 9110 §15.2) [C5, D4]", async () => {
  for (const { how, chunks } of everyCut(wire(CONTINUE + HINTS + EMPTY))) {
    const { sender, server } = dialing();
    const heads: ResponseHead[] = [];
    const sending = sender.send(GET, { onInformational: (head) => void heads.push(head) });
    const recorder = new Recorder(server);
    await recorder.until(GET_WIRE);
    for (const chunk of chunks) await server.write(chunk);
    assertEquals((await sending).status, 200);
    assertEquals(heads.map(({ status, reason, version }) => [status, reason, version]), [
      [100, "Continue", "1.1"],
      [103, "Early Hints", "1.1"],
    ], how);
    assertEquals([...heads[1]!.fields], [["Link", "</a.css>; rel=preload"], ["Link", "</b.js>"]], how);
    assert(sender.isReady);
  }
});

test("onInformational is told at once, not with the final response", async () => {
  const { sender, server } = dialing();
  const seen: number[] = [];
  const sending = sender.send(GET, { onInformational: ({ status }) => void seen.push(status) });
  await answer(server, HINTS);
  await turns();
  assertEquals(seen, [103]);
  await server.write(wire(HELLO));
  assertEquals(await (await sending).body.text(), "hello");
});

test("onInformational belongs to one request", async () => {
  const { sender, server } = dialing();
  const seen: string[] = [];
  for (const [who, onInformational] of [["a", true], ["b", false], ["c", true]] as const) {
    const answered = answer(server, HINTS + EMPTY);
    await sender.send(GET, onInformational ? { onInformational: () => void seen.push(who) } : {});
    await answered;
  }
  assertEquals(seen, ["a", "c"]);
});

test("a 1xx ignores what it says about a body and about the connection (RFC 9112 §6.3) [B6]", async () => {
  const { sender, server } = dialing();
  const answered = answer(
    server,
    `HTTP/1.1 102 Processing¶Content-Length: 5¶Connection: close¶¶HTTP/1.0 103 x¶Transfer-Encoding: chunked¶¶${HELLO}`,
  );
  const response = await sender.send(GET);
  await answered;
  assertEquals(await response.body.text(), "hello");
  assert(sender.isReady);
});

test("send() takes as many 1xx as the limit says, and no more (RFC 9110 §15.2) [D4]", async () => {
  for (const [options, most] of [[{}, 16], [{ limits: { maxInformational: 2 } }, 2]] as const) {
    const enough = dialing(options);
    for (let i = 0; i < 2; i++) {
      const answered = answer(enough.server, CONTINUE.repeat(most) + EMPTY);
      assertEquals((await enough.sender.send(GET)).status, 200);
      await answered;
    }

    const { sender, connection, server } = dialing(options);
    const outcome = rejection(sender.send(GET));
    await answer(server, CONTINUE.repeat(most + 1) + EMPTY).catch(() => {});
    const error = await outcome;
    assertInstanceOf(error, ProtocolError);
    assertEquals(error.code, "too-many-informational");
    assertEquals(await connection.closed, { reason: "error", error });
  }
});

test("send() rejects with what onInformational throws, and closes the connection", async () => {
  const reason = new Error("not interested");
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const outcome = rejection(sender.send(GET, {
    onInformational() {
      throw reason;
    },
  }));
  await recorder.until(GET_WIRE);
  await server.write(wire(HINTS));
  assertStrictEquals(await outcome, reason);
  assertEquals(await connection.closed, { reason: "error", error: reason });
  await recorder.ended;
  assert(recorder.cut !== null);
});

test("send() rejects with truncated when a connection ends behind a 1xx [B12]", async () => {
  const { sender, server } = dialing();
  const outcome = rejection(sender.send(GET));
  await answer(server, HINTS);
  await server.closeWrite();
  const error = await outcome;
  assertInstanceOf(error, ProtocolError);
  assertEquals(error.code, "truncated");
});
