/**
 * What one machine writes the other one reads: client and server joined in memory, with every exchange taken through
 * both, in pieces of any size. RFC 9112 as a whole.
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { ClientMachine, type OutgoingRequestHead } from "../../../src/http1/machine/client_machine.ts";
import { type Field, Fields } from "../../../src/semantics/fields.ts";
import { ServerMachine } from "../../../src/http1/machine/server_machine.ts";
import type { OutgoingResponseHead } from "../../../src/http1/machine/write_response.ts";
import { text } from "../../support/bytes.ts";
import { body, fields, type GeneratedBody, reason, target, token } from "./generate.ts";
import { spellFields } from "./machine_says.ts";
import { rounds } from "../../support/rounds.ts";

/** A body to be sent, as the machines want it. */
interface Sent {
  readonly parts: readonly Uint8Array[];
  /** Whether the machine is told the length. */
  readonly known: boolean;
  readonly trailers: Fields | null;
}

const nothing: Sent = { parts: [], known: true, trailers: null };

/** Two machines, and the size of the pieces in which bytes go from one to the other. */
class Pair {
  readonly client = new ClientMachine();
  readonly server = new ServerMachine();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** What one of them has to send, as the other one reads it: its events, data joined. */
  #carry(from: ClientMachine | ServerMachine, to: ClientMachine | ServerMachine, said: string[]): void {
    const bytes = from.take().flatMap((part) => [...part]);
    for (let at = 0; at < bytes.length; at += this.#size) {
      to.receive(Uint8Array.from(bytes.slice(at, at + this.#size)));
      listen(to, said);
    }
  }

  /** Sends a request from one to the other, and gives what was read. */
  request(head: OutgoingRequestHead, { parts, known, trailers }: Sent = nothing): string[] {
    const size = parts.length === 0 ? "none" : known ? lengthOf(parts) : "unknown";
    this.client.sendRequest(head, size);
    const said: string[] = [];
    for (const part of parts) {
      this.client.sendData(part);
      this.#carry(this.client, this.server, said);
    }
    this.client.sendEnd(trailers);
    this.#carry(this.client, this.server, said);
    return said;
  }

  /** Sends a response back, and gives what was read. */
  respond(head: OutgoingResponseHead, { parts, known, trailers }: Sent = nothing): string[] {
    const size = parts.length === 0 ? "none" : known ? lengthOf(parts) : "unknown";
    const outcome = this.server.sendResponse(head, size, null);
    const said: string[] = [];
    this.#carry(this.server, this.client, said);
    if (outcome.type === "switched") return said;
    for (const part of outcome.framing.type === "none" ? [] : parts) {
      this.server.sendData(part);
      this.#carry(this.server, this.client, said);
    }
    this.server.sendEnd(trailers);
    this.#carry(this.server, this.client, said);
    return said;
  }

  /** Whether both go on. */
  next(): readonly [client: boolean, server: boolean] {
    return [this.client.nextCycle(), this.server.nextCycle()];
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Writes down what a machine says until it needs more. */
function listen(machine: ClientMachine | ServerMachine, said: string[]): void {
  while (true) {
    const event = machine.next();
    switch (event.type) {
      case "request":
        said.push(`${event.head.method} ${event.head.target} ${event.head.version} ${spellFields(event.head.fields)}`);
        break;
      case "informational":
      case "response":
      case "switched":
        said.push(`${event.head.status} ${event.head.reason} ${spellFields(event.head.fields)}`);
        break;
      case "data": {
        const last = said.at(-1)!.startsWith("body ") ? said.pop()! : "body ";
        said.push(last + text(event.bytes).replaceAll("¶", "\r\n"));
        break;
      }
      case "end":
        if (event.trailers.size > 0) said.push(`trailers ${spellFields(event.trailers)}`);
        break;
      default:
        return;
    }
  }
}

/** What `body` reads as. */
function spelled(parts: readonly Uint8Array[]): string[] {
  return lengthOf(parts) === 0 ? [] : [`body ${parts.map((part) => text(part).replaceAll("¶", "\r\n")).join("")}`];
}

const host: Field = ["Host", "a"];

for (const size of [1, 2, 7, 100_000]) {
  test(`a pair takes one exchange after the other, in pieces of ${size}`, () => {
    const pair = new Pair(size);
    const hello: Sent = { parts: [Uint8Array.of(104, 105)], known: true, trailers: null };
    for (let i = 0; i < 3; i++) {
      const head = { method: "PUT", target: `/${i}`, fields: [host] };
      assertEquals(pair.request(head, hello), [`PUT /${i} 1.1 [Host: a; content-length: 2]`, "body hi"]);
      assertEquals(pair.respond({ status: 200, fields: [] }, hello), ["200 OK [content-length: 2]", "body hi"]);
      assertEquals(pair.next(), [true, true]);
    }
  });

  test(`a pair agrees on when a connection ends, in pieces of ${size} (RFC 9112 §9.6) [C1, C2]`, () => {
    const close: Field = ["Connection", "close"];
    const asking = new Pair(size);
    asking.request({ method: "GET", target: "/", fields: [host, close] });
    assertEquals(asking.respond({ status: 204, fields: [] }), ["204 No Content [connection: close]"]);
    assertEquals(asking.next(), [false, false]);
    const answering = new Pair(size);
    answering.request({ method: "GET", target: "/", fields: [host] });
    assertEquals(answering.respond({ status: 204, fields: [close] }), ["204 No Content [Connection: close]"]);
    assertEquals(answering.next(), [false, false]);
    const old = new Pair(size);
    old.request({ method: "GET", target: "/", version: "1.0", fields: [["Connection", "keep-alive"]] });
    assertEquals(old.respond({ status: 204, fields: [] }), ["204 No Content [connection: keep-alive]"]);
    assertEquals(old.next(), [true, true]);
  });

  test(`a pair switches protocols, and every byte behind the heads is theirs, in pieces of ${size} [E7, E8]`, () => {
    const pair = new Pair(size);
    const offer: Field[] = [host, ["Connection", "upgrade"], ["Upgrade", "echo"]];
    pair.request({ method: "GET", target: "/", fields: offer });
    pair.server.receive(new TextEncoder().encode("early"));
    pair.server.sendInformational(103, []);
    const said = pair.respond({ status: 101, fields: [] });
    const expected = ["103 Early Hints []", "101 Switching Protocols [upgrade: echo; connection: upgrade]"];
    assertEquals(said, expected);
    pair.client.receive(new TextEncoder().encode("late"));
    assertEquals([text(pair.server.takeTrailing().bytes), text(pair.client.takeTrailing().bytes)], ["early", "late"]);
  });

  test(`a pair opens a tunnel, in pieces of ${size} (RFC 9110 §9.3.6) [F3, F4]`, () => {
    const pair = new Pair(size);
    assertEquals(pair.request({ method: "CONNECT", target: "a:1", fields: [["Host", "a:1"]] }), [
      "CONNECT a:1 1.1 [Host: a:1]",
    ]);
    assertEquals(pair.respond({ status: 200, fields: [["Content-Length", "0"]] }), ["200 OK []"]);
    assertEquals([pair.client.next().type, pair.server.next().type], ["paused", "paused"]);
  });

  test(`a pair leaves a refused tunnel closed, in pieces of ${size} (RFC 9931) [O3]`, () => {
    const pair = new Pair(size);
    pair.request({ method: "CONNECT", target: "a:1", fields: [["Host", "a:1"]] });
    assertEquals(pair.respond({ status: 407, reason: "x", fields: [] }), [
      "407 x [content-length: 0; connection: close]",
    ]);
    assertEquals(pair.next(), [false, false]);
  });

  test(`a pair sends no content for HEAD, 204 and 304, in pieces of ${size} (RFC 9110 §6.4.1) [B6]`, () => {
    const pair = new Pair(size);
    const hello: Sent = { parts: [Uint8Array.of(104, 105)], known: true, trailers: null };
    for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304]] as const) {
      pair.request({ method, target: "/", fields: [host] });
      const length = method === "HEAD" ? "content-length: 2" : "";
      assertEquals(pair.respond({ status, reason: "x", fields: [] }, hello), [`${status} x [${length}]`]);
      assertEquals(pair.next(), [true, true]);
    }
  });
}

/** A name and a value for `Trailer` and the trailers that it announces. */
const trailers = fc.array(fc.tuple(token.map((name) => `T-${name}`), token), { minLength: 1, maxLength: 3 });

/** A body with what goes with it: fields that are added by the caller, and how the other side spells those added. */
function sendable(
  generated: GeneratedBody,
  announced: readonly Field[],
): { sent: Sent; added: Field[]; extra: string } {
  const names = announced.map(([name]) => name).join(", ");
  const chunked = !generated.known && generated.parts.length > 0;
  const added: Field[] = announced.length > 0 && chunked ? [["Trailer", names]] : [];
  const framing = chunked ? ["transfer-encoding: chunked"] : [`content-length: ${lengthOf(generated.parts)}`];
  const spelled = [...added.map(([name, value]) => `${name}: ${value}`), ...framing].join("; ");
  return { sent: { ...generated, trailers: chunked ? new Fields(announced) : null }, added, extra: spelled };
}

/** The lines that are read for a head and its body. */
function expected(start: string, given: readonly Field[], extra: string, { parts, trailers }: Sent): string[] {
  const all = [...given.map(([name, value]) => `${name}: ${value}`), ...(extra === "" ? [] : [extra])].join("; ");
  const kept = trailers === null || trailers.size === 0 ? [] : [`trailers ${spellFields(trailers)}`];
  return [`${start} [${all}]`, ...spelled(parts), ...kept];
}

const exchange = fc.record({
  method: token.filter((name) => !["GET", "HEAD", "CONNECT"].includes(name)).map((name) => `X${name}`),
  target,
  requestFields: fields,
  requestBody: body,
  requestTrailers: trailers,
  status: fc.integer({ min: 200, max: 999 }).filter((status) => ![204, 205, 304].includes(status)),
  reason,
  responseFields: fields,
  responseBody: body,
  responseTrailers: trailers,
});

test("a pair gives any message as it was sent, one exchange after the other, in pieces of any size", () => {
  fc.assert(
    fc.property(
      fc.array(exchange, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 60 }),
      (exchanges, size) => {
        const pair = new Pair(size);
        for (const sample of exchanges) {
          const out = sendable(sample.requestBody, sample.requestTrailers);
          const asked = [host, ["TE", "trailers"] as const, ...sample.requestFields, ...out.added];
          const said = pair.request({ method: sample.method, target: sample.target, fields: asked }, out.sent);
          const none = lengthOf(sample.requestBody.parts) === 0 && out.sent.trailers === null;
          const extra = none ? "" : out.extra.split("; ").at(-1)!;
          assertEquals(said, expected(`${sample.method} ${sample.target} 1.1`, asked, extra, out.sent));

          const back = sendable(sample.responseBody, sample.responseTrailers);
          const given = [...sample.responseFields, ...back.added];
          const head = { status: sample.status, reason: sample.reason, fields: given };
          const read = pair.respond(head, back.sent);
          const added = back.extra.split("; ").at(-1)!;
          assertEquals(read, expected(`${sample.status} ${sample.reason}`, given, added, back.sent));
          assertEquals(pair.next(), [true, true]);
        }
      },
    ),
    rounds(75),
  );
});
