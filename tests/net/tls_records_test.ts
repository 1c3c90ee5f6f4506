import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { TlsRecords } from "../../src/net/tls_records.ts";

const HANDSHAKE = 22;
const ALERT = 21;
const DATA = 23;

/** A record of TLS 1.2 or 1.3 whose content does not matter. */
function record(type: number, length: number): number[] {
  return [type, 3, 3, length >> 8, length & 0xff, ...new Array<number>(length).fill(DATA)];
}

const cases: [what: string, bytes: number[], truncated: boolean][] = [
  ["nothing at all", [], true],
  ["a handshake", record(HANDSHAKE, 300), true],
  ["data", [...record(HANDSHAKE, 300), ...record(DATA, 1000)], true],
  ["an alert in the clear", [...record(DATA, 1000), ...record(ALERT, 2)], false],
  ["an alert of TLS 1.3", [...record(DATA, 1000), ...record(DATA, 19)], false],
  ["data behind an alert", [...record(ALERT, 2), ...record(DATA, 20)], true],
  ["an empty record behind data", [...record(DATA, 1000), ...record(HANDSHAKE, 0)], true],
  ["half a record", [...record(ALERT, 2), ...record(DATA, 1000).slice(0, 500)], true],
  ["half a header", [...record(ALERT, 2), 21, 3], true],
];

for (const [what, bytes, truncated] of cases) {
  test(`TlsRecords: ${what} is ${truncated ? "no" : "an"} end, wherever the bytes are cut (RFC 8446 §6.1)`, () => {
    for (const step of [1, 2, 3, 7, 64, 4096]) {
      const records = new TlsRecords();
      for (let at = 0; at < bytes.length; at += step) records.push(Uint8Array.from(bytes.slice(at, at + step)));
      assertEquals(records.truncated, truncated);
    }
  });
}
