/**
 * Which requests propose a switch, and which responses accept it: RFC 9110 §7.8 and §9.3.6, the server's side.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Field } from "../../../src/semantics/fields.ts";
import type { Leniency } from "../../../src/http1/machine/limits.ts";
import { ServerMachine } from "../../../src/http1/machine/server_machine.ts";
import { everyCut, text, wire } from "../../support/bytes.ts";
import { serverSays } from "./machine_says.ts";

const proposals: readonly (readonly [name: string, request: string, says: readonly string[]])[] = [
  ["Upgrade with Connection: upgrade", "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶NEXT", [
    "GET / 1.1 none upgrade(echo)",
    "undecided",
    "rest NEXT",
  ]],
  ["the option in any case and place", "GET / HTTP/1.1¶Host: a¶Connection: keep-alive , UpGrade¶Upgrade: echo¶¶", [
    "GET / 1.1 none upgrade(echo)",
    "undecided",
  ]],
  ["the option in a second line", "GET / HTTP/1.1¶Host: a¶Connection: te¶Connection: upgrade¶Upgrade: echo¶¶", [
    "GET / 1.1 none upgrade(echo)",
    "undecided",
  ]],
  ["several protocols, in order", "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: a/1, ,b¶Upgrade: c¶¶", [
    "GET / 1.1 none upgrade(a/1,b,c)",
    "undecided",
  ]],
  ["a protocol beside malformed ones", "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: a b, echo, \xff, a/b/c¶¶", [
    "GET / 1.1 none upgrade(echo)",
    "undecided",
  ]],
  ["close beside upgrade", "GET / HTTP/1.1¶Host: a¶Connection: close, upgrade¶Upgrade: echo¶¶", [
    "GET / 1.1 none upgrade(echo)",
    "undecided",
  ]],
  ["an upgrade behind a body", "POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶Content-Length: 5¶¶helloX", [
    "POST / 1.1 length:5 upgrade(echo)",
    "body hello",
    "undecided",
    "rest X",
  ]],
  [
    "an upgrade behind chunks",
    "POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶X",
    ["POST / 1.1 chunked upgrade(echo)", "body hello", "undecided", "rest X"],
  ],
  ["CONNECT", "CONNECT a:443 HTTP/1.1¶Host: a:443¶¶EARLY", [
    "CONNECT a:443 1.1 none connect(a 443)",
    "undecided",
    "rest EARLY",
  ]],
  ["CONNECT from HTTP/1.0", "CONNECT a:443 HTTP/1.0¶Upgrade: x¶¶", [
    "CONNECT a:443 1.0 none connect(a 443)",
    "undecided",
  ]],
  ["CONNECT with a length of 0", "CONNECT a:443 HTTP/1.1¶Host: a¶Content-Length: 0¶¶", [
    "CONNECT a:443 1.1 length:0 connect(a 443)",
    "undecided",
  ]],
  ["CONNECT before Upgrade", "CONNECT a:443 HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶", [
    "CONNECT a:443 1.1 none connect(a 443)",
    "undecided",
  ]],
];

for (const [name, request, says] of proposals) {
  test(`ServerMachine stops behind ${name}, and reads nothing more (RFC 9110 §7.8) [E5, E7, E11]`, () => {
    assertEquals(serverSays(request), says);
  });
}

const noProposals: readonly (readonly [name: string, request: string, says: string])[] = [
  ["without Upgrade", "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶¶", "GET / 1.1 none"],
  ["with an empty Upgrade", "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: ,¶¶", "GET / 1.1 none"],
  [
    "with a malformed protocol",
    "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: a b, /1, a/, a/b/c¶¶",
    "GET / 1.1 none",
  ],
  ["with a quoted protocol", 'GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: "a, b"¶¶', "GET / 1.1 none"],
  ["without the option", "GET / HTTP/1.1¶Host: a¶Upgrade: echo¶¶", "GET / 1.1 none no-connection-token"],
  [
    "with an option that only contains upgrade",
    "GET / HTTP/1.1¶Host: a¶Connection: upgrades¶Upgrade: echo¶¶",
    "GET / 1.1 none no-connection-token",
  ],
  [
    "from HTTP/1.0",
    "GET / HTTP/1.0¶Connection: upgrade, keep-alive¶Upgrade: echo¶¶",
    "GET / 1.0 none http10",
  ],
];

for (const [name, request, says] of noProposals) {
  test(`ServerMachine takes no upgrade from a request ${name}, and goes on (RFC 9110 §7.8) [E3, E4]`, () => {
    const next = "GET /2 HTTP/1.1¶Host: a¶¶";
    assertEquals(serverSays(request + next), [says, "GET /2 1.1 none", "waiting"]);
  });
}

test("ServerMachine answers a request before an upgrade first (RFC 9112 §9.3.2) [E11]", () => {
  const upgrade = "GET /2 HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶GET /3 HTTP/1.1¶¶";
  const says = ["GET /1 1.1 none", "GET /2 1.1 none upgrade(echo)", "undecided", "rest GET /3 HTTP/1.1¶¶"];
  assertEquals(serverSays(`GET /1 HTTP/1.1¶Host: a¶¶${upgrade}`), says);
});

test("ServerMachine takes Upgrade alone with upgradeWithoutConnection (hyper)", () => {
  const leniency = { upgradeWithoutConnection: true };
  const says = ["GET / 1.1 none upgrade(echo)", "undecided"];
  assertEquals(serverSays("GET / HTTP/1.1¶Host: a¶Upgrade: echo¶¶", { leniency }), says);
});

test("ServerMachine refuses content with CONNECT (RFC 9110 §9.3.6) [F11]", () => {
  for (const line of ["Content-Length: 5", "Transfer-Encoding: chunked"]) {
    assertEquals(serverSays(`CONNECT a:443 HTTP/1.1¶Host: a¶${line}¶¶hello`), ["400 connect-content", "rest hello"]);
  }
});

test("ServerMachine reads the content of CONNECT with connectContent (hyper)", () => {
  const says = ["CONNECT a:443 1.1 length:5 connect(a 443)", "body hello", "undecided", "rest EARLY"];
  const input = "CONNECT a:443 HTTP/1.1¶Host: a¶Content-Length: 5¶¶helloEARLY";
  assertEquals(serverSays(input, { leniency: { connectContent: true } }), says);
});

/** A machine that has read a request completely. */
function asked(request: string, leniency: Leniency = {}): ServerMachine {
  const machine = new ServerMachine({ leniency });
  machine.receive(wire(request));
  while (machine.next().type !== "paused");
  return machine;
}

const upgradeRequest = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: Echo/1, other¶¶";

/** Field lines given by a text. */
function lines(text: string): Field[] {
  return text.split("¶").slice(0, -1).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

const oneOffer = "GET / HTTP/1.1¶Host: a¶Connection: close, upgrade¶Upgrade: Echo¶¶";
const connectRequest = "CONNECT a:1 HTTP/1.1¶Host: a¶¶";
const framing = "Content-Length: 5¶Transfer-Encoding: chunked¶Trailer: x¶";

/** The fields that are given, those that are written, and the protocol that is spoken then. */
const accepted: readonly (readonly [
  name: string,
  request: string,
  status: number,
  given: string,
  sent: string,
  protocol: string | null,
])[] = [
  [
    "as it is",
    upgradeRequest,
    101,
    "Connection: upgrade¶Upgrade: echo/1¶",
    "Connection: upgrade¶Upgrade: echo/1¶",
    "echo/1",
  ],
  ["with the option added", upgradeRequest, 101, "Upgrade: other¶", "Upgrade: other¶connection: upgrade¶", "other"],
  [
    "with the option beside others",
    upgradeRequest,
    101,
    "Connection: x¶Upgrade: other¶",
    "Connection: x¶Upgrade: other¶connection: upgrade¶",
    "other",
  ],
  [
    "with Connection untouched",
    upgradeRequest,
    101,
    "Connection: close, Upgrade¶Upgrade: other¶",
    "Connection: close, Upgrade¶Upgrade: other¶",
    "other",
  ],
  ["with the one offer named", oneOffer, 101, "", "upgrade: Echo¶connection: upgrade¶", "Echo"],
  [
    "with the one offer named beside nothing",
    oneOffer,
    101,
    "Upgrade:¶",
    "Upgrade:¶upgrade: Echo¶connection: upgrade¶",
    "Echo",
  ],
  [
    "without framing",
    oneOffer,
    101,
    `Upgrade: Echo¶${framing}Connection: upgrade¶`,
    "Upgrade: Echo¶Connection: upgrade¶",
    "Echo",
  ],
  ["CONNECT with 200", connectRequest, 200, "Via: x¶", "Via: x¶", null],
  ["CONNECT with 204", connectRequest, 204, "", "", null],
  ["CONNECT with 299", connectRequest, 299, "", "", null],
  ["CONNECT without framing", connectRequest, 200, framing, "", null],
];

for (const [name, request, status, given, sent, protocol] of accepted) {
  test(`ServerMachine writes the switch ${name} (RFC 9110 §7.8, §9.3.6) [B7, E1, F3]`, () => {
    for (const { how, chunks } of everyCut(wire("EARLY"))) {
      const machine = asked(request);
      const outcome = machine.sendResponse({ status, reason: "x", fields: lines(given) }, "none", null);
      assertEquals(outcome, { type: "switched", protocol });
      assertEquals(machine.take().map(text), [`HTTP/1.1 ${status} x¶${sent}¶`]);
      for (const chunk of chunks) machine.receive(chunk);
      assertEquals(machine.next(), { type: "paused", until: "switch-taken" }, how);
      assertEquals(text(machine.takeTrailing().bytes), "EARLY", how);
    }
  });
}

const refusals: readonly (readonly [name: string, request: string, status: number, fields: Field[]])[] = [
  ["nothing was proposed", "GET / HTTP/1.1¶Host: a¶¶", 101, [["Upgrade", "echo"]]],
  ["nothing was proposed and nothing is named", "GET / HTTP/1.1¶Host: a¶¶", 101, []],
  ["it was CONNECT and nothing is named", connectRequest, 101, []],
  ["the option was missing", "GET / HTTP/1.1¶Host: a¶Upgrade: echo¶¶", 101, [["Upgrade", "echo"]]],
  ["it came from HTTP/1.0", "GET / HTTP/1.0¶Connection: upgrade¶Upgrade: echo¶¶", 101, [["Upgrade", "echo"]]],
  ["the protocol was not offered [E2]", upgradeRequest, 101, [["Upgrade", "third"]]],
  ["the version was not offered [E2]", upgradeRequest, 101, [["Upgrade", "echo/2"]]],
  ["several were offered and none is named", upgradeRequest, 101, []],
  ["it was CONNECT", connectRequest, 101, [["Upgrade", "echo"]]],
];

for (const [name, request, status, fields] of refusals) {
  test(`ServerMachine.sendResponse() writes no ${status} when ${name} (RFC 9110 §7.8)`, () => {
    const machine = asked(request);
    const error = assertThrows(() => machine.sendResponse({ status, fields }, "none", null), StateError);
    assertEquals(error.code, "no-switch");
    assertEquals(machine.take(), []);
    machine.sendResponse({ status: 500, fields: [] }, "none", null);
  });
}

test("ServerMachine.sendResponse() writes no switch with a body (RFC 9110 §15.2.2)", () => {
  for (const [request, status] of [[upgradeRequest, 101], [connectRequest, 200]] as const) {
    for (const size of [1, "unknown"] as const) {
      const machine = asked(request);
      const head = { status, fields: status === 101 ? [["Upgrade", "other"] as const] : [] };
      const error = assertThrows(() => machine.sendResponse(head, size, null), StateError);
      assertEquals([error.code, machine.take()], ["upgrade-body", []]);
      machine.sendResponse(head, 0, null);
    }
  }
});

test("ServerMachine.sendResponse() writes no switch before the request is complete (RFC 9110 §7.8) [E5]", () => {
  const machine = new ServerMachine();
  machine.receive(wire("POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶Content-Length: 10¶¶hello"));
  while (machine.next().type !== "need-data");
  const head = { status: 101, fields: [["Upgrade", "echo"] as const] };
  assertEquals(assertThrows(() => machine.sendResponse(head, "none", null), StateError).code, "busy");
  machine.receive(wire("worldEXTRA"));
  while (machine.next().type !== "paused");
  machine.sendResponse(head, "none", null);
  assertEquals(text(machine.takeTrailing().bytes), "EXTRA");
});

test("ServerMachine goes on after an upgrade that was refused (RFC 9110 §7.8) [E4, O4]", () => {
  for (const status of [200, 426, 403]) {
    const machine = asked(`${upgradeRequest}GET /2 HTTP/1.1¶Host: a¶¶`);
    assertEquals(machine.sendResponse({ status, fields: [] }, "none", null).type, "response");
    machine.sendEnd(null);
    assertEquals(machine.nextCycle(), true);
    assertEquals(machine.next().type, "request");
  }
});

test("ServerMachine closes after a CONNECT that was refused, and parses nothing behind it (RFC 9931) [O3]", () => {
  const machine = asked("CONNECT a:1 HTTP/1.1¶Host: a¶¶GET /2 HTTP/1.1¶Host: a¶¶");
  machine.sendResponse({ status: 403, fields: [] }, "none", null);
  machine.sendEnd(null);
  assertEquals(machine.take().map(text), ["HTTP/1.1 403 Forbidden¶content-length: 0¶connection: close¶¶"]);
  assertEquals(machine.nextCycle(), false);
});

test("ServerMachine may go on after a refused CONNECT with keepAfterRefusedConnect (RFC 9931) [O3]", () => {
  const machine = asked(connectRequest, { keepAfterRefusedConnect: true });
  machine.sendResponse({ status: 407, fields: [] }, "none", null);
  machine.sendEnd(null);
  assertEquals(machine.nextCycle(), true);
});

test("ServerMachine tells the eof that came with the bytes behind a switch (tenet: lossless)", () => {
  const machine = asked(`${upgradeRequest}EARLY`);
  machine.receiveEof();
  machine.sendResponse({ status: 101, fields: [["Upgrade", "other"]] }, "none", null);
  const { bytes, eof } = machine.takeTrailing();
  assertEquals([text(bytes), eof], ["EARLY", true]);
  assertEquals(machine.takeTrailing().bytes.length, 0);
});
