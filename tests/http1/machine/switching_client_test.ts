/**
 * Which responses hand a connection over, and which must not: RFC 9110 §7.8 and §9.3.6, the client's side.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { ClientMachine, type OutgoingRequestHead } from "../../../src/http1/machine/client_machine.ts";
import { clientSays } from "./machine_says.ts";

const offer: OutgoingRequestHead = {
  method: "GET",
  target: "/",
  fields: [["Host", "a"], ["Connection", "upgrade"], ["Upgrade", "Echo, other/2"]],
};
const connect: OutgoingRequestHead = { method: "CONNECT", target: "a:22", fields: [["Host", "a:22"]] };
const plain: OutgoingRequestHead = { method: "GET", target: "/", fields: [["Host", "a"]] };
const head: OutgoingRequestHead = { ...offer, method: "HEAD" };

const taken: readonly (readonly [name: string, request: OutgoingRequestHead, response: string, says: string[]])[] = [
  ["a 101 [E8]", offer, "1.1 101 x¶Connection: upgrade¶Upgrade: echo¶¶EARLY", ["101 switched echo", "rest EARLY"]],
  ["a 101 to HEAD", head, "1.1 101 x¶Upgrade: other/2¶¶X", ["101 switched other/2", "rest X"]],
  ["a 101 with framing", offer, "1.1 101 x¶Upgrade: echo¶Content-Length: 4¶¶DATAmore", [
    "101 switched echo",
    "rest DATAmore",
  ]],
  ["a 101 with Transfer-Encoding", offer, "1.1 101 x¶Upgrade: echo¶Transfer-Encoding: x¶¶D", [
    "101 switched echo",
    "rest D",
  ]],
  ["a 101 behind a 100 and a 103", offer, "1.1 100 x¶¶HTTP/1.1 103 y¶¶HTTP/1.1 101 z¶Upgrade: echo¶¶D", [
    "100 informational",
    "103 informational",
    "101 switched echo",
    "rest D",
  ]],
  ["a 101 without a byte behind it", offer, "1.1 101 x¶Upgrade: echo¶¶", ["101 switched echo"]],
  ["a 200 to CONNECT", connect, "1.1 200 OK¶¶SSH-2.0", ["200 switched null", "rest SSH-2.0"]],
  ["a 201 to CONNECT [F5]", connect, "1.1 201 x¶¶D", ["201 switched null", "rest D"]],
  ["a 204 to CONNECT [F5]", connect, "1.1 204 x¶¶D", ["204 switched null", "rest D"]],
  ["a 299 to CONNECT [F5]", connect, "1.1 299 x¶¶D", ["299 switched null", "rest D"]],
  ["a 200 from HTTP/1.0 to CONNECT", connect, "1.0 200 OK¶¶D", ["200 switched null", "rest D"]],
  ["a 200 with a length to CONNECT [F4]", connect, "1.1 200 OK¶Content-Length: 5¶¶hello", [
    "200 switched null",
    "rest hello",
  ]],
  ["a 200 with a bad length to CONNECT [F4]", connect, "1.1 200 OK¶Content-Length: x¶¶hello", [
    "200 switched null",
    "rest hello",
  ]],
  ["a 200 with chunks to CONNECT [F4]", connect, "1.1 200 OK¶Transfer-Encoding: chunked¶¶D", [
    "200 switched null",
    "rest D",
  ]],
  ["a 200 behind a 100 to CONNECT", connect, "1.1 100 x¶¶HTTP/1.1 200 OK¶¶D", [
    "100 informational",
    "200 switched null",
    "rest D",
  ]],
];

for (const [name, request, response, says] of taken) {
  test(`ClientMachine hands over at ${name} (RFC 9110 §7.8, §9.3.6)`, () => {
    assertEquals(clientSays(`HTTP/${response}`, { requests: [request] }), says);
  });
}

const unexpected: readonly (readonly [name: string, request: OutgoingRequestHead, response: string])[] = [
  ["to a plain request", plain, "1.1 101 x¶Connection: upgrade¶Upgrade: echo¶¶"],
  ["for a protocol that was not offered", offer, "1.1 101 x¶Connection: upgrade¶Upgrade: third¶¶"],
  ["for a version that was not offered", offer, "1.1 101 x¶Upgrade: other/3¶¶"],
  ["without Upgrade", offer, "1.1 101 x¶Connection: upgrade¶¶"],
  ["with an empty Upgrade", offer, "1.1 101 x¶Upgrade: ,¶¶"],
  ["from HTTP/1.0", offer, "1.0 101 x¶Upgrade: echo¶¶"],
  ["to CONNECT", connect, "1.1 101 x¶Upgrade: echo¶¶"],
  ["to an Upgrade without the option", { ...plain, fields: [["Upgrade", "echo"]] }, "1.1 101 x¶Upgrade: echo¶¶"],
  ["to an Upgrade from HTTP/1.0", { ...offer, version: "1.0" }, "1.1 101 x¶Upgrade: echo¶¶"],
];

for (const [name, request, response] of unexpected) {
  test(`ClientMachine refuses a 101 ${name} (RFC 9110 §7.8) [E9]`, () => {
    const says = ["502 unexpected-upgrade", "rest DATA"];
    assertEquals(clientSays(`HTTP/${response}DATA`, { requests: [request] }), says);
  });
}

test("ClientMachine takes a 101 that nobody asked for with unaskedUpgrade, but not to CONNECT (hyper)", () => {
  const leniency = { unaskedUpgrade: true };
  for (const request of [plain, offer]) {
    const says = ["101 switched third", "rest D"];
    assertEquals(clientSays("HTTP/1.1 101 x¶Upgrade: third¶¶D", { requests: [request], leniency }), says);
  }
  const says = clientSays("HTTP/1.1 101 x¶¶", { requests: [connect], leniency });
  assertEquals(says, ["502 unexpected-upgrade"]);
});

const refused: readonly (readonly [name: string, request: OutgoingRequestHead, response: string, says: string[]])[] = [
  ["a 200 to an upgrade [E15]", offer, "1.1 200 OK¶Content-Length: 2¶¶ok", [
    '200 "OK" 1.1 length:2',
    "body ok",
    "reusable",
    "waiting",
  ]],
  ["a 426 to an upgrade [E15]", offer, "1.1 426 x¶Content-Length: 0¶¶", [
    '426 "x" 1.1 length:0',
    "reusable",
    "waiting",
  ]],
  ["a 407 to CONNECT [F5]", connect, "1.1 407 x¶Content-Length: 2¶¶no", [
    '407 "x" 1.1 length:2',
    "body no",
    "reusable",
    "waiting",
  ]],
  ["a 302 to CONNECT [F5]", connect, "1.1 302 x¶Content-Length: 0¶¶", ['302 "x" 1.1 length:0', "reusable", "waiting"]],
  ["a 407 without a length to CONNECT", connect, "1.1 407 x¶¶no", ['407 "x" 1.1 until-close', "body no", "waiting"]],
];

for (const [name, request, response, says] of refused) {
  test(`ClientMachine takes ${name} as an ordinary response (RFC 9110 §7.8, §9.3.6)`, () => {
    assertEquals(clientSays(`HTTP/${response}`, { requests: [request] }), says);
  });
}

test("ClientMachine.proposal is what the request says, also where a CONNECT names no authority", () => {
  const machine = new ClientMachine();
  machine.sendRequest(offer, "none");
  assertEquals(machine.proposal, { type: "upgrade", protocols: ["Echo", "other/2"] });
  const strange = new ClientMachine();
  strange.sendRequest({ ...connect, target: "nowhere" }, "none");
  assertEquals(strange.proposal, { type: "connect", authority: { hostname: "nowhere", port: 0 } });
});
