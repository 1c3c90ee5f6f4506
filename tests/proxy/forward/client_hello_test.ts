import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { duplexPair } from "../../../src/duplex/pair.ts";
import { startTls } from "../../../src/net/mod.ts";
import { ClientHelloReader, type Hello, MAX_HELLO_BYTES } from "../../../src/proxy/forward/client_hello.ts";
import { unlessNoTlsOverStreams } from "../../support/runtime.ts";
import { ascii, extension, helloMessage, number, records, serverName, sized } from "./hello.ts";

function read(...chunks: Uint8Array[]): Hello | null {
  const reader = new ClientHelloReader();
  let hello: Hello | null = null;
  for (const chunk of chunks) hello = reader.push(chunk);
  return hello;
}

function hello(more: Partial<Extract<Hello, { type: "hello" }>> = {}): Hello {
  return { type: "hello", serverName: null, alpn: [], encrypted: false, ...more };
}

const NOT_TLS: Hello = { type: "not-tls" };
const named = helloMessage([
  ...extension(16, sized(2, [...sized(1, ascii("h2")), ...sized(1, ascii("http/1.1"))])),
  ...serverName("a.test"),
]);
const wanted = hello({ serverName: "a.test", alpn: ["h2", "http/1.1"] });

test("ClientHelloReader reads a hello cut at every byte, and in records of any size (RFC 8446 §5.1)", () => {
  for (const size of [1, 2, 3, 7, 50, 16_384]) {
    const bytes = records(named, size);
    assertEquals(read(bytes), wanted);
    assertEquals(read(...Array.from(bytes, (byte) => Uint8Array.of(byte))), wanted, `records of ${size} bytes`);
    if (size < 3) continue;
    for (let cut = 1; cut < bytes.length; cut++) {
      assertEquals(read(bytes.subarray(0, cut)), null);
      assertEquals(read(bytes.subarray(0, cut), bytes.subarray(cut)), wanted);
    }
  }
  assertEquals(read(Uint8Array.from([...records(named), 20, 3, 3, 0, 1, 1])), wanted);
});

test("ClientHelloReader reads what is there and what is not", () => {
  const cases: readonly (readonly [what: string, message: readonly number[], hello: Hello])[] = [
    ["no extensions at all", helloMessage(null), hello()],
    ["an empty list of them", helloMessage([]), hello()],
    ["a name", helloMessage(serverName("A.Test")), hello({ serverName: "A.Test" })],
    ["ECH", helloMessage([...serverName("a"), ...extension(0xfe0d, [0])]), hello({ serverName: "a", encrypted: true })],
    ["an unknown extension", helloMessage(extension(0x1a1a, [1, 2])), hello()],
    ["an empty name", helloMessage(serverName("")), NOT_TLS],
    ["a name twice", helloMessage([...serverName("a"), ...serverName("b")]), NOT_TLS],
    ["two names in one", helloMessage(extension(0, sized(2, [0, 0, 1, 97, 0, 0, 1, 98]))), NOT_TLS],
    ["a name of another kind", helloMessage(extension(0, sized(2, [1, 0, 1, 97]))), NOT_TLS],
    ["a name that is too short", helloMessage(extension(0, sized(2, [0, 0, 9, 97]))), NOT_TLS],
    ["a name with bytes behind it", helloMessage(extension(0, [...sized(2, [0, 0, 1, 97]), 0])), NOT_TLS],
    ["an extension that is too short", helloMessage([0, 0, 0, 9, 1]), NOT_TLS],
    ["bytes behind the extensions", [1, ...sized(3, [...helloMessage([]).slice(4), 1])], NOT_TLS],
    ["a body that is too short", [1, ...sized(3, [3, 3, 7])], NOT_TLS],
    ["another message", [2, ...helloMessage([]).slice(1)], NOT_TLS],
    ["a message that is too large", [1, ...number(3, MAX_HELLO_BYTES)], NOT_TLS],
  ];
  for (const [what, message, expected] of cases) assertEquals(read(records(message)), expected, what);
});

test("ClientHelloReader knows at the first byte what is no TLS", () => {
  for (const text of ["G", "SSH-2.0-x\r\n", "\0", "\x80\x2e\x01", "\x15\x03\x01\0\x02\x02\x28"]) {
    assertEquals(read(Uint8Array.from(ascii(text))), NOT_TLS, text);
  }
  assertEquals(read(Uint8Array.of(22, 2)), NOT_TLS);
  assertEquals(read(Uint8Array.of(22, 3, 1, 0, 0)), NOT_TLS);
  assertEquals(read(Uint8Array.of(22, 3, 1, 0x40, 1)), NOT_TLS);
});

test("ClientHelloReader is bounded: a message that never ends is given up, in large pieces and in tiny records", () => {
  const endless = records([1, ...number(3, MAX_HELLO_BYTES - 5), ...Array<number>(300).fill(0)], 1);
  assertEquals(read(endless), NOT_TLS);
  const reader = new ClientHelloReader();
  let taken = 0;
  const part = records([1, ...number(3, MAX_HELLO_BYTES - 4), ...Array<number>(16_000).fill(0)]);
  for (let answer: Hello | null = null; answer === null; taken += part.length) {
    answer = reader.push(part);
    assert(taken < 2 * MAX_HELLO_BYTES, "it goes on and on");
  }
});

test("ClientHelloReader gives the same answer however the bytes are cut, whatever they are", () => {
  const valid = Array.from(records(named, 40));
  const mutated = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
    const bytes = [...valid];
    for (const [at, byte] of changes) bytes[at] = byte;
    return Uint8Array.from(bytes);
  });
  const input = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }));
  fc.assert(fc.property(input, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (bytes, sizes) => {
    const chunks: Uint8Array[] = [];
    for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]!) {
      chunks.push(bytes.subarray(at, at + sizes[i % sizes.length]!));
    }
    assertEquals(read(...chunks), read(bytes));
  }));
});

test("ClientHelloReader reads the hello of this runtime", unlessNoTlsOverStreams, async () => {
  const [near, far] = duplexPair();
  const socket = startTls(near, { serverName: "name.test", alpnProtocols: ["http/1.1"] });
  socket.opened.catch(() => {});
  const reader = new ClientHelloReader();
  let answer: Hello | null = null;
  while (answer === null) answer = reader.push((await far.read())!);
  assertEquals(answer, hello({ serverName: "name.test", alpn: ["http/1.1"] }));
  socket.abort();
  far.abort();
});
