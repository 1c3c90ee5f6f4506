/**
 * Which trailers go on the wire: those that were announced and may stand there. RFC 9110 §6.5, RFC 9112 §7.1.2.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { ClientMachine } from "../../../src/http1/machine/client_machine.ts";
import { type Field, Fields } from "../../../src/semantics/fields.ts";
import type { BodySize } from "../../../src/http1/machine/send_framing.ts";
import { ServerMachine, type ServerMachineOptions } from "../../../src/http1/machine/server_machine.ts";
import type { OutgoingResponseHead } from "../../../src/http1/machine/write_response.ts";
import { text, wire } from "../../support/bytes.ts";

/** A machine that has read a request without a body. */
function asked(start: string, lines: string, options: ServerMachineOptions = {}): ServerMachine {
  const machine = new ServerMachine(options);
  machine.receive(wire(`${start}¶Host: a¶${lines}¶`));
  assertEquals(machine.next().type, "request");
  return machine;
}

/** Everything that is sent for a response. */
function sent(
  machine: ServerMachine,
  head: OutgoingResponseHead,
  body: BodySize,
  parts: readonly string[],
  trailers: Fields,
): string {
  machine.sendResponse(head, body, null);
  for (const part of parts) machine.sendData(wire(part));
  machine.sendEnd(trailers);
  return machine.take().map(text).join("");
}

const announced: Field[] = [["Trailer", "chunky-trailer, Second"], ["Trailer", "third, Host"]];
const trailers = new Fields([["Chunky-Trailer", "1"], ["other", "2"], ["third", "3"], ["Host", "b"], ["THIRD", "4"]]);

test("ServerMachine sends the trailers that were announced and are allowed (RFC 9110 §6.5.1) [B11]", () => {
  for (const te of ["trailers", "gzip, Trailers", "gzip¶TE: trailers"]) {
    const response = sent(
      asked("GET / HTTP/1.1", `TE: ${te}¶`),
      { status: 200, fields: announced },
      "unknown",
      ["x"],
      trailers,
    );
    assertEquals(response.split("¶¶")[1], "1¶x¶0¶Chunky-Trailer: 1¶third: 3¶THIRD: 4");
  }
});

test("ServerMachine sends trailers in title case where that is asked for (hyper)", () => {
  const machine = asked("GET / HTTP/1.1", "TE: trailers¶", { nameCase: "title" });
  const response = sent(
    machine,
    { status: 200, fields: [["trailer", "a-b"]] },
    "unknown",
    [],
    new Fields([["a-b", "c"]]),
  );
  assertEquals(response, "HTTP/1.1 200 OK¶Trailer: a-b¶Transfer-Encoding: chunked¶¶0¶A-B: c¶¶");
});

/** Why trailers are left out: what the request says, its version, what was announced, and the size of the body. */
const without:
  readonly (readonly [name: string, te: string, version: string, fields: readonly Field[], size: BodySize])[] = [
    ["without TE: trailers", "TE: gzip¶", "1.1", announced, "unknown"],
    ["without Trailer", "TE: trailers¶", "1.1", [], "unknown"],
    ["with a length", "TE: trailers¶", "1.1", announced, 1],
    ["to HTTP/1.0", "TE: trailers¶", "1.0", announced, "unknown"],
  ];

for (const [name, te, version, fields, size] of without) {
  test(`ServerMachine sends no trailers ${name} (RFC 9110 §6.5.1)`, () => {
    const response = sent(asked(`GET / HTTP/${version}`, te), { status: 200, fields }, size, ["x"], trailers);
    assertEquals(/chunky-trailer: /i.test(response), false);
    assertEquals(response.split("¶¶")[1], size === "unknown" && version === "1.1" ? "1¶x¶0" : "x");
  });
}

for (
  const name of [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
  ]
    .concat(["host", "max-forwards", "set-cookie", "trailer", "transfer-encoding", "te"])
) {
  test(`ServerMachine never sends ${name} as a trailer (RFC 9110 §6.5.1) [B11]`, () => {
    const machine = asked("GET / HTTP/1.1", "TE: trailers¶");
    const response = sent(
      machine,
      { status: 200, fields: [["Trailer", name]] },
      "unknown",
      [],
      new Fields([[name, "1"]]),
    );
    assertEquals(response.split("¶¶")[1], "0");
  });
}

/** Everything that a client sends for a request. */
function requested(fields: readonly Field[], body: BodySize, trailers: Fields): string {
  const machine = new ClientMachine();
  machine.sendRequest({ method: "POST", target: "/", fields }, body);
  machine.sendData(wire("hello"));
  machine.sendEnd(trailers);
  return machine.take().map(text).join("");
}

test("ClientMachine sends the trailers that were announced and are allowed (RFC 9110 §6.5.1) [B11]", () => {
  const fields: Field[] = [["Trailer", "chunky-trailer, Host"]];
  const trailers = new Fields([["Chunky-Trailer", "a"], ["Other", "b"], ["Host", "c"], ["chunky-trailer", "d"]]);
  const start = "POST / HTTP/1.1¶Trailer: chunky-trailer, Host¶";
  const chunked = `${start}transfer-encoding: chunked¶¶5¶hello¶0¶Chunky-Trailer: a¶chunky-trailer: d¶¶`;
  assertEquals(requested(fields, "unknown", trailers), chunked);
  assertEquals(requested(fields, 5, trailers), `${start}content-length: 5¶¶hello`);
  assertEquals(requested([], "unknown", trailers), "POST / HTTP/1.1¶transfer-encoding: chunked¶¶5¶hello¶0¶¶");
});
