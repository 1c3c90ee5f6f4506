/**
 * Every bound on what a peer may send: exactly the limit is accepted, one more is refused, and nothing switches a bound
 * off by accident. RFC 9112 §3, RFC 9110 §5.4 and §4.1.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { ClientMachine } from "../../../src/http1/machine/client_machine.ts";
import { DEFAULT_LIMITS, type Http1Limits, type Leniency } from "../../../src/http1/machine/limits.ts";
import { ServerMachine } from "../../../src/http1/machine/server_machine.ts";
import { wire } from "../../support/bytes.ts";
import { type ClientRun, clientTranscript, type ServerRun, serverTranscript } from "./machine_says.ts";

/**
 * What a server says first to a large input: whole, byte by byte, and in pieces of a size that divides nothing. The longest
 * come in short pieces instead of bytes.
 */
function serverFirst(input: string | Uint8Array, run: ServerRun = {}): string {
  return first(input, (chunks) => serverTranscript(chunks, run));
}

/** What a client says first; see above. */
function clientFirst(input: string, run: ClientRun = {}): string {
  return first(input, (chunks) => clientTranscript(chunks, run));
}

function first(input: string | Uint8Array, transcribe: (chunks: Uint8Array[]) => string[]): string {
  const bytes = typeof input === "string" ? wire(input) : input;
  const [whole] = transcribe([bytes]);
  for (const size of [bytes.length > 20_000 ? 61 : 1, 977]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
    assertEquals(transcribe(chunks)[0], whole, `in pieces of ${size}`);
  }
  return whole!;
}

const ok = "GET / 1.1 none";

for (
  const [name, max, inside, outside] of [
    ["maxFields", undefined, [0, 1, 50, 99, 100], [101, 102, 200]],
    ["maxFields: 0", 0, [0], [1, 2]],
    ["maxFields: 1", 1, [1], [2]],
    ["maxFields: 200", 200, [199, 200], [201]],
  ] as const
) {
  const limits = max === undefined ? {} : { maxFields: max };

  test(`ServerMachine answers 431 beyond ${name} (RFC 9110 §5.4) [A11]`, () => {
    const run = { limits, leniency: { anyHost: true } };
    const request = (count: number) => `GET / HTTP/1.1¶${"A: b¶".repeat(count)}¶`;
    for (const count of inside) assertEquals(serverFirst(request(count), run), ok, `${count} fields`);
    for (const count of outside) {
      assertEquals(serverFirst(request(count), run), "431 too-many-fields", `${count} fields`);
    }
  });

  test(`ClientMachine refuses more than ${name} (RFC 9110 §5.4) [A11]`, () => {
    const response = (count: number) => `HTTP/1.1 204 x¶${"A: b¶".repeat(count)}¶`;
    for (const count of inside) assertEquals(clientFirst(response(count), { limits }), '204 "x" 1.1 none');
    for (const count of outside) assertEquals(clientFirst(response(count), { limits }), "502 too-many-fields");
  });
}

test("ServerMachine counts the fields of each head anew (RFC 9110 §5.4) [A11]", () => {
  const request = `GET / HTTP/1.1¶Host: a¶${"A: b¶".repeat(99)}¶`;
  assertEquals(serverTranscript([wire(request + request)]), [ok, ok, "waiting"]);
});

/** A head of exactly `bytes` bytes. */
function headOf(bytes: number, start: string): string {
  const rest = bytes - wire(`${start}X: ¶¶`).length;
  return `${start}X: ${"x".repeat(rest)}¶¶`;
}

for (const max of [100, 1000, DEFAULT_LIMITS.maxHeadBytes]) {
  const limits = { maxHeadBytes: max };

  test(`ServerMachine answers 431 to a head of more than ${max} bytes (RFC 9110 §5.4) [A11]`, () => {
    const start = "GET / HTTP/1.1¶Host: a¶";
    assertEquals(serverFirst(headOf(max, start), { limits }), ok);
    assertEquals(serverFirst(headOf(max + 1, start), { limits }), "431 head-too-large");
    assertEquals(serverFirst(wire(headOf(max + 1, start)).subarray(0, max), { limits }), "431 head-too-large");
    assertEquals(serverFirst(wire(headOf(max + 1, start)).subarray(0, max - 1), { limits }), "waiting");
  });

  test(`ClientMachine refuses a head of more than ${max} bytes (RFC 9110 §5.4) [A11]`, () => {
    const start = "HTTP/1.1 204 x¶";
    assertEquals(clientFirst(headOf(max, start), { limits }), '204 "x" 1.1 none');
    assertEquals(clientFirst(headOf(max + 1, start), { limits }), "502 head-too-large");
  });
}

test("ServerMachine answers 431 to one name or value without end (RFC 9110 §5.4) [A11]", () => {
  const limits = { maxHeadBytes: 16_384 };
  const start = "GET / HTTP/1.1¶Host: a¶";
  assertEquals(serverFirst(`${start}${"x".repeat(16_384)}`, { limits }), "431 head-too-large");
  assertEquals(serverFirst(`${start}X: ${"x".repeat(16_384)}`, { limits }), "431 head-too-large");
  assertEquals(serverFirst(`${start}X:${" ".repeat(16_384)}`, { limits }), "431 head-too-large");
  assertEquals(clientFirst(`HTTP/1.1 200 ${"x".repeat(16_384)}`, { limits }), "502 head-too-large");
});

for (const max of [10, DEFAULT_LIMITS.maxTargetBytes]) {
  test(`ServerMachine answers 414 to a target of more than ${max} bytes (RFC 9112 §3) [A11]`, () => {
    const limits = { maxTargetBytes: max };
    const request = (bytes: number) => `GET /${"a".repeat(bytes - 1)} HTTP/1.1¶Host: a¶¶`;
    assertEquals(serverFirst(request(max), { limits }).slice(-9), " 1.1 none");
    assertEquals(serverFirst(request(max + 1), { limits }), "414 target-too-long");
    assertEquals(serverFirst(request(max + 1).slice(0, max + 5), { limits }), "414 target-too-long");
  });
}

test("ServerMachine answers 414 to a target that fills a head (RFC 9112 §3) [A11]", () => {
  const limits = { maxTargetBytes: 70_000, maxHeadBytes: 16_384 };
  assertEquals(serverFirst(`GET /${"a".repeat(65_534)} HTTP/1.1¶¶`, { limits }), "414 target-too-long");
  assertEquals(serverFirst(`GET /${"a".repeat(65_534)} HTTP/1.1¶¶`), "414 target-too-long");
});

for (const max of [3, DEFAULT_LIMITS.maxMethodBytes]) {
  test(`ServerMachine answers 501 to a method of more than ${max} bytes (RFC 9112 §3) [A11]`, () => {
    const limits = { maxMethodBytes: max };
    const request = (bytes: number) => `${"A".repeat(bytes)} / HTTP/1.1¶Host: a¶¶`;
    assertEquals(serverFirst(request(max), { limits }).slice(max), " / 1.1 none");
    assertEquals(serverFirst(request(max + 1), { limits }), "501 method-too-long");
    assertEquals(serverFirst("A".repeat(max + 1), { limits }), "501 method-too-long");
  });
}

for (const max of [0, 1, 3]) {
  test(`ServerMachine skips ${max} empty lines with maxLeadingEmptyLines: ${max} (RFC 9112 §2.2) [A4]`, () => {
    const limits = { maxLeadingEmptyLines: max };
    assertEquals(serverFirst(`${"¶".repeat(max)}GET / HTTP/1.1¶Host: a¶¶`, { limits }), ok);
    assertEquals(serverFirst(`${"¶".repeat(max + 1)}GET / HTTP/1.1¶Host: a¶¶`, { limits }), "400 bad-line-end");
  });
}

for (const max of [0, 1, 3]) {
  test(`ClientMachine skips ${max} empty lines before each response with emptyLineBeforeResponse (RFC 9112 §4)`, () => {
    const run = { limits: { maxLeadingEmptyLines: max }, leniency: { emptyLineBeforeResponse: true } };
    const lines = "¶".repeat(max);
    const responses = `${lines}HTTP/1.1 100 x¶¶${lines}HTTP/1.1 103 x¶¶${lines}HTTP/1.1 204 x¶¶`;
    const says = ["100 informational", "103 informational", '204 "x" 1.1 none', "reusable", "waiting"];
    assertEquals(clientTranscript([wire(responses)], run), says);
    assertEquals(clientFirst(`${lines}¶HTTP/1.1 204 x¶¶`, run), "502 bad-line-end");
  });
}

const post = "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶";

/** What a server says to a chunked body, behind the head and without the data. */
function chunked(body: string, limits: Partial<Http1Limits>, leniency: Leniency = {}): string {
  const run = { limits, leniency };
  const bytes = wire(post + body);
  const whole = serverTranscript([bytes], run).filter((line) => !line.startsWith("body "))[1]!;
  const bits = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assertEquals(serverTranscript(bits, run).filter((line) => !line.startsWith("body "))[1], whole);
  return whole;
}

test("ServerMachine refuses more extensions than maxChunkExtensionBytes, over all chunks (RFC 9112 §7.1.1) [B9]", () => {
  const limits = { maxChunkExtensionBytes: 10 };
  assertEquals(chunked(`1;${"x".repeat(9)}¶a¶0¶¶`, limits), "waiting");
  assertEquals(chunked(`1;${"x".repeat(10)}¶a¶0¶¶`, limits), "413 chunk-extensions-too-large");
  assertEquals(chunked("1;xxxx¶a¶1;xxxx¶a¶0¶¶", limits), "waiting");
  assertEquals(chunked("1;xxxx¶a¶1;xxxx¶a¶0;x¶¶", limits), "413 chunk-extensions-too-large");
  assertEquals(chunked(`1${" ".repeat(11)}¶a¶0¶¶`, limits), "413 chunk-extensions-too-large");
  assertEquals(chunked(`1;a="${"x".repeat(5)}"¶a¶0¶¶`, limits), "waiting");
  assertEquals(chunked(`1;a="${"x".repeat(11)}`, limits), "413 chunk-extensions-too-large");
  const leniency = { spaceBehindChunkSize: true, invalidChunkExtensions: true };
  assertEquals(chunked(`1${" ".repeat(10)}¶a¶0¶¶`, limits, leniency), "waiting");
  assertEquals(chunked(`1${" ".repeat(9)};¶a¶0;¶¶`, limits, leniency), "413 chunk-extensions-too-large");
  assertEquals(chunked(`1;${"=".repeat(10)}¶a¶0¶¶`, limits, leniency), "413 chunk-extensions-too-large");
  const large = ";".padEnd(DEFAULT_LIMITS.maxChunkExtensionBytes, "x");
  assertEquals(chunked(`1${large}¶a¶0¶¶`, {}), "waiting");
  assertEquals(chunked(`1${large}x¶a¶0¶¶`, {}), "413 chunk-extensions-too-large");
});

test("ServerMachine refuses more trailers than maxTrailers (RFC 9112 §7.1.2)", () => {
  const trailers = (count: number) => `0¶${"A: b¶".repeat(count)}¶`;
  assertEquals(chunked(trailers(10), { maxTrailers: 10 }).slice(0, 8), "trailers");
  assertEquals(chunked(trailers(11), { maxTrailers: 10 }), "431 too-many-fields");
  assertEquals(chunked(trailers(0), { maxTrailers: 0 }), "waiting");
  assertEquals(chunked(trailers(1), { maxTrailers: 0 }), "431 too-many-fields");
  assertEquals(chunked(trailers(100), {}).slice(0, 8), "trailers");
  assertEquals(chunked(trailers(101), {}), "431 too-many-fields");
});

test("ServerMachine refuses a trailer section of more than maxTrailerBytes (RFC 9112 §7.1.2)", () => {
  const trailers = (bytes: number) => `0¶A: ${"x".repeat(bytes - 7)}¶¶`;
  for (const max of [50, DEFAULT_LIMITS.maxTrailerBytes]) {
    assertEquals(chunked(trailers(max), { maxTrailerBytes: max }).slice(0, 8), "trailers");
    assertEquals(chunked(trailers(max + 1), { maxTrailerBytes: max }), "431 trailers-too-large");
  }
});

for (const max of [0, 1, DEFAULT_LIMITS.maxInformational]) {
  test(`ClientMachine takes ${max} informational responses with maxInformational: ${max} (RFC 9110 §15.2) [D4]`, () => {
    const limits = { maxInformational: max };
    const responses = (count: number) => `${"HTTP/1.1 103 x¶¶".repeat(count)}HTTP/1.1 204 x¶¶`;
    const says = Array<string>(max).fill("103 informational");
    const final = ['204 "x" 1.1 none', "reusable", "waiting"];
    assertEquals(clientTranscript([wire(responses(max))], { limits }), [...says, ...final]);
    const refused = clientTranscript([wire(responses(max + 1))], { limits });
    assertEquals(refused.slice(0, max + 1), [...says, "502 too-many-informational"]);
  });
}

test("ClientMachine counts informational responses for each exchange anew (RFC 9110 §15.2) [D4]", () => {
  const machine = new ClientMachine({ limits: { maxInformational: 1 } });
  for (let exchange = 0; exchange < 3; exchange++) {
    machine.sendRequest({ method: "GET", target: "/", fields: [] }, "none");
    machine.sendEnd(null);
    machine.receive(wire("HTTP/1.1 103 x¶¶HTTP/1.1 204 x¶¶"));
    assertEquals([machine.next().type, machine.next().type, machine.nextCycle()], ["informational", "response", true]);
  }
});

/** What goes beyond the default of each limit, and what is said then. */
const beyond: Readonly<Record<keyof Http1Limits, readonly [says: string, input: string]>> = {
  maxHeadBytes: ["431 head-too-large", headOf(65_537, "GET / HTTP/1.1¶")],
  maxFields: ["431 too-many-fields", `GET / HTTP/1.1¶${"A: b¶".repeat(101)}¶`],
  maxTargetBytes: ["414 target-too-long", `GET /${"a".repeat(8192)} HTTP/1.1¶`],
  maxMethodBytes: ["501 method-too-long", `${"A".repeat(33)} / HTTP/1.1¶`],
  maxLeadingEmptyLines: ["400 bad-line-end", "¶¶GET / HTTP/1.1¶"],
  maxChunkExtensionBytes: ["413 chunk-extensions-too-large", `${post}1;${"x".repeat(4096)}¶`],
  maxTrailerBytes: ["431 trailers-too-large", `${post}0¶A: ${"x".repeat(16_384)}`],
  maxTrailers: ["431 too-many-fields", `${post}0¶${"A: b¶".repeat(101)}`],
  maxInformational: ["502 too-many-informational", "HTTP/1.1 103 x¶¶".repeat(17)],
};

for (const [name, [says, input]] of Object.entries(beyond)) {
  test(`${name} is no less than its default when it is undefined, and can be no other than a number from 0 on`, () => {
    const transcribe = name === "maxInformational" ? clientTranscript : serverTranscript;
    for (const limits of [{}, { [name]: undefined } as Partial<Http1Limits>]) {
      assertEquals(transcribe([wire(input)], { limits }).includes(says), true);
    }
    assertEquals(transcribe([wire(input)], { limits: { [name]: Infinity } }).includes(says), false);
    for (const value of [NaN, -1, "1", null]) {
      const limits = { [name]: value } as Partial<Http1Limits>;
      for (const Machine of [ServerMachine, ClientMachine]) {
        assertThrows(() => new Machine({ limits }), typeof value === "number" ? RangeError : TypeError, name);
      }
    }
  });
}
