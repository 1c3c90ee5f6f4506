import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { protocolId } from "../../../src/http/client/way/protocol_id.ts";
import { answer, dialing, rejection } from "../../support/dialing.ts";

test("protocolId() encodes what no token can hold, and the percent sign, in upper case (RFC 7639 §2.2) [P2]", () => {
  const spellings: Readonly<Record<string, string>> = {
    "h2": "h2",
    "http/1.1": "http%2F1.1",
    "w=x:y#z": "w%3Dx%3Ay#z",
    "x%y": "x%25y",
    "!#$&'*+-.^_`|~09azAZ": "!#$&'*+-.^_`|~09azAZ",
    "a b\x00\x7f": "a%20b%00%7F",
    "é": "%C3%A9",
  };
  for (const [protocol, id] of Object.entries(spellings)) assertEquals(protocolId(protocol), id);
});

test("protocolId() refuses what is not 1 to 255 bytes long (RFC 7301 §3.1)", () => {
  for (const protocol of ["", "x".repeat(256), "é".repeat(128)]) assertThrows(() => protocolId(protocol), TypeError);
  assertEquals(protocolId("x".repeat(255)).length, 255);
});

test("connect({ alpn }) says what will be spoken in the tunnel, and nothing unless told to (RFC 7639) [P2]", async () => {
  for (const [alpn, line] of [[["h2", "http/1.1"], "alpn: h2, http%2F1.1¶"], [undefined, ""]] as const) {
    const { client, connection } = dialing({ proxy: "http://proxy:3128" });
    const connecting = client.connect("a.example:443", { alpn, headers: { "x-a": "1" } });
    const { far } = await connection(0);
    const request = await answer(far, "HTTP/1.1 200 OK¶¶");
    assertEquals(request.slice(request.indexOf("x-a")), `x-a: 1¶${line}¶`);
    await (await connecting).close();
    await client.close();
  }
});

test("connect({ alpn }) with what is no identifier is a TypeError, before anything is dialed", async () => {
  const { client, dialed } = dialing({ proxy: "http://proxy:3128" });
  assertEquals(await rejection(client.connect("a:443", { alpn: [""] })) instanceof TypeError, true);
  assertEquals(dialed.length, 0);
  await client.close();
});
