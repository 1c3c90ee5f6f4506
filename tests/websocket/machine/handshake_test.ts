import { test } from "node:test";
import { createHash } from "node:crypto";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Field, Fields } from "../../../src/semantics/fields.ts";
import { base64, isSixteenBytes } from "../../../src/websocket/machine/base64.ts";
import { WebSocketProtocolError } from "../../../src/errors/web_socket_protocol_error.ts";
import {
  acceptOf,
  areDistinctTokens,
  checkWebSocketResponse,
  keyOf,
  readWebSocketRequest,
} from "../../../src/websocket/machine/handshake.ts";
import { sha1 } from "../../../src/websocket/machine/sha1.ts";
import { hex } from "../../support/frames.ts";
import { pattern } from "../../support/switching.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** The request of RFC 6455 §1.2, with other fields in place of its own ones, or without them. */
function request(
  changes: Readonly<Record<string, string | readonly string[] | null>>,
  head: { method?: string; version?: "1.0" } = {},
) {
  const fields: Record<string, string | readonly string[] | null> = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    ...changes,
  };
  return readWebSocketRequest({ method: "GET", version: "1.1", fields: new Fields(lines(fields)), ...head });
}

function lines(fields: Readonly<Record<string, string | readonly string[] | null>>): Field[] {
  return Object.entries(fields).flatMap(([name, values]) =>
    (values === null ? [] : typeof values === "string" ? [values] : values).map((value): Field => [name, value])
  );
}

test("readWebSocketRequest() reads the request of RFC 6455 §1.2 [W1]", () => {
  assertEquals(request({ "Origin": "http://example.com", "Sec-WebSocket-Protocol": "chat, superchat" }), {
    key: KEY,
    protocols: ["chat", "superchat"],
    extensions: "",
    origin: "http://example.com",
  });
  assertEquals(request({}), { key: KEY, protocols: [], extensions: "", origin: null });
});

test("readWebSocketRequest() takes what is spelled otherwise and means the same (RFC 6455 §4.2.1) [W1]", () => {
  const same: readonly Parameters<typeof request>[0][] = [
    { "Upgrade": "WebSocket" },
    { "Upgrade": "WEBSOCKET" },
    { "Upgrade": "h2c, websocket" },
    { "Upgrade": ["h2c", "websocket"] },
    { "Connection": "upgrade" },
    { "Connection": "keep-alive, UPGRADE" },
    { "Connection": ["keep-alive", "Upgrade"] },
    { "connection": "close, Upgrade", "Connection": null },
    { "Sec-WebSocket-Key": null, "sec-websocket-key": KEY },
  ];
  for (const changes of same) {
    assertEquals(request(changes), { key: KEY, protocols: [], extensions: "", origin: null }, JSON.stringify(changes));
  }
});

test("readWebSocketRequest() joins extensions and subprotocols of several lines (RFC 6455 §9.1, §11.3.4)", () => {
  const found = request({
    "Sec-WebSocket-Protocol": ["a, b", "c"],
    "Sec-WebSocket-Extensions": ["foo; x=1", "permessage-deflate"],
  });
  assert("protocols" in found);
  assertEquals([found.protocols, found.extensions], [["a", "b", "c"], "foo; x=1, permessage-deflate"]);
});

test("readWebSocketRequest() answers 400 where a field is missing, repeated or wrong (RFC 6455 §4.2.1, §4.2.2) [W1]", () => {
  const wrong: readonly (readonly [changes: Parameters<typeof request>[0], reason: string])[] = [
    [{ "Upgrade": null }, "Upgrade"],
    [{ "Upgrade": "websockets" }, "Upgrade"],
    [{ "Upgrade": "websocket/13" }, "Upgrade"],
    [{ "Connection": null }, "Connection"],
    [{ "Connection": "keep-alive" }, "Connection"],
    [{ "Connection": "upgraded" }, "Connection"],
    [{ "Sec-WebSocket-Version": null }, "Version"],
    [{ "Sec-WebSocket-Key": null }, "Key"],
    [{ "Sec-WebSocket-Key": "" }, "Key"],
    [{ "Sec-WebSocket-Key": [KEY, KEY] }, "Key"],
    [{ "Sec-WebSocket-Key": `${KEY}, ${KEY}` }, "Key"],
    [{ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ" }, "Key"],
    [{ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZR==" }, "Key"],
    [{ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j" }, "Key"],
    [{ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQA=" }, "Key"],
    [{ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQAA" }, "Key"],
    [{ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ*==" }, "Key"],
    [{ "Sec-WebSocket-Protocol": "a, a" }, "Protocol"],
    [{ "Sec-WebSocket-Protocol": ["a", "a"] }, "Protocol"],
    [{ "Sec-WebSocket-Protocol": "a b" }, "Protocol"],
    [{ "Sec-WebSocket-Protocol": "a;b" }, "Protocol"],
    [{ "Sec-WebSocket-Protocol": '"a"' }, "Protocol"],
  ];
  for (const [changes, reason] of wrong) {
    const found = request(changes);
    assert("status" in found, JSON.stringify(changes));
    assertStrictEquals(found.status, 400, JSON.stringify(changes));
    assert(found.reason.includes(reason), `${JSON.stringify(changes)}: ${found.reason}`);
  }
});

test("readWebSocketRequest() answers 400 to other methods and to HTTP/1.0 (RFC 6455 §4.1) [W1]", () => {
  for (const method of ["POST", "HEAD", "PUT", "OPTIONS", "get"]) {
    const found = request({}, { method });
    assertEquals("status" in found && [found.status, found.reason.includes("GET")], [400, true], method);
  }
  const old = request({}, { version: "1.0" });
  assertEquals("status" in old && [old.status, old.reason.includes("HTTP/1.1")], [400, true]);
});

test("readWebSocketRequest() answers 426 with the version it speaks to every other one (RFC 6455 §4.2.2, §4.4) [W1]", () => {
  for (const version of ["12", "14", "8", "0", "013", "13.0", "13, 8", "x", "", ["13", "8"], ["13", "13"]]) {
    const found = request({ "Sec-WebSocket-Version": version });
    assert("status" in found, `${version}`);
    assertStrictEquals(found.status, 426, `${version}`);
    const fields = new Fields(found.fields);
    assertEquals(fields.getAll("sec-websocket-version"), ["13"]);
    assertEquals([fields.get("connection"), fields.get("upgrade")], ["Upgrade", "websocket"]);
  }
});

test("acceptOf() answers the sample key as RFC 6455 §1.3 has it [W2]", () => {
  assertStrictEquals(acceptOf(KEY), ACCEPT);
  for (let i = 0; i < 20; i++) {
    const key = keyOf(pattern(16 + i).subarray(i));
    const expected = createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    assertStrictEquals(acceptOf(key), expected);
  }
});

test("sha1() and base64() agree with the platform for every length (RFC 3174, RFC 4648 §4)", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = pattern(length);
    assertEquals(hex(sha1(bytes)), createHash("sha1").update(bytes).digest("hex"), `${length}`);
    assertStrictEquals(base64(bytes), btoa(String.fromCharCode(...bytes)), `${length}`);
    assertStrictEquals(isSixteenBytes(base64(bytes)), length === 16, `${length}`);
  }
});

test("areDistinctTokens() asks for tokens, each once (RFC 6455 §4.1)", () => {
  for (const right of [[], ["a"], ["a", "b", "A"], ["soap", "v12.stomp", "a!#$%&'*+-.^_`|~9"]]) {
    assert(areDistinctTokens(right), `${right}`);
  }
  for (const wrong of [[""], ["a", "a"], ["a b"], ["a,b"], ["ü"], ["a\n"], ["a/b"]]) {
    assert(!areDistinctTokens(wrong), `${wrong}`);
  }
});

const RESPONSE = { "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": ACCEPT };

test("checkWebSocketResponse() takes the answers of RFC 6455 §1.3 and those that mean the same [W4]", () => {
  const right: readonly (readonly [
    changes: Record<string, string | readonly string[] | null>,
    offered: readonly string[],
    chosen: string,
  ])[] = [
    [{}, [], ""],
    [{}, ["chat"], ""],
    [{ "Sec-WebSocket-Protocol": "chat" }, ["chat", "superchat"], "chat"],
    [{ "Sec-WebSocket-Protocol": "superchat" }, ["chat", "superchat"], "superchat"],
    [{ "Upgrade": "WebSocket" }, [], ""],
    [{ "Connection": "keep-alive, Upgrade" }, [], ""],
    [{ "Connection": ["keep-alive", "upgrade"] }, [], ""],
  ];
  for (const [changes, offered, chosen] of right) {
    const fields = new Fields(lines({ ...RESPONSE, ...changes }));
    assertStrictEquals(checkWebSocketResponse(fields, KEY, offered), chosen, JSON.stringify(changes));
  }
});

test("checkWebSocketResponse() refuses a wrong accept, Upgrade, Connection or subprotocol (RFC 6455 §4.1) [W4, W3]", () => {
  const wrong: readonly (readonly [changes: Record<string, string | readonly string[] | null>, code: string])[] = [
    [{ "Upgrade": null }, "handshake-upgrade"],
    [{ "Upgrade": "h2c" }, "handshake-upgrade"],
    [{ "Upgrade": "websocket, h2c" }, "handshake-upgrade"],
    [{ "Upgrade": ["websocket", "websocket"] }, "handshake-upgrade"],
    [{ "Connection": null }, "handshake-upgrade"],
    [{ "Connection": "keep-alive" }, "handshake-upgrade"],
    [{ "Sec-WebSocket-Accept": null }, "handshake-accept"],
    [{ "Sec-WebSocket-Accept": "" }, "handshake-accept"],
    [{ "Sec-WebSocket-Accept": ACCEPT.toLowerCase() }, "handshake-accept"],
    [{ "Sec-WebSocket-Accept": KEY }, "handshake-accept"],
    [{ "Sec-WebSocket-Accept": [ACCEPT, ACCEPT] }, "handshake-accept"],
    [{ "Sec-WebSocket-Protocol": "other" }, "handshake-protocol"],
    [{ "Sec-WebSocket-Protocol": "CHAT" }, "handshake-protocol"],
    [{ "Sec-WebSocket-Protocol": "" }, "handshake-protocol"],
    [{ "Sec-WebSocket-Protocol": "chat, superchat" }, "handshake-protocol"],
    [{ "Sec-WebSocket-Protocol": ["chat", "superchat"] }, "handshake-protocol"],
    [{ "Sec-WebSocket-Protocol": ["chat", "chat"] }, "handshake-protocol"],
  ];
  for (const [changes, code] of wrong) {
    const fields = new Fields(lines({ ...RESPONSE, ...changes }));
    const error = assertThrows(
      () => checkWebSocketResponse(fields, KEY, ["chat", "superchat"]),
      WebSocketProtocolError,
    );
    assertEquals([error.code, error.closeCode], [code as typeof error.code, 1006], JSON.stringify(changes));
  }
  const unasked = new Fields(lines({ ...RESPONSE, "Sec-WebSocket-Protocol": "chat" }));
  assertStrictEquals(
    assertThrows(() => checkWebSocketResponse(unasked, KEY, []), WebSocketProtocolError).code,
    "handshake-protocol",
  );
});

test("checkWebSocketResponse() without a key checks the subprotocol alone, as over HTTP/2 (RFC 8441 §5)", () => {
  const answers: readonly (readonly [fields: readonly Field[], chosen: string])[] = [
    [[], ""],
    [[["sec-websocket-protocol", "chat"]], "chat"],
    [[["sec-websocket-accept", "whatever"]], ""],
  ];
  for (const [fields, chosen] of answers) {
    assertStrictEquals(checkWebSocketResponse(new Fields(fields), null, ["chat"]), chosen);
  }
  const unasked = new Fields([["sec-websocket-protocol", "other"]]);
  assertStrictEquals(
    assertThrows(() => checkWebSocketResponse(unasked, null, ["chat"]), WebSocketProtocolError).code,
    "handshake-protocol",
  );
});
