import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { converse, conversing, expectConversation } from "../support/serving.ts";
import { OK } from "../support/switching.ts";
import { readAll, readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const HINTS = "HTTP/1.1 103 Early Hints¶Link: </a.css>; rel=preload¶¶";
const link = [["Link", "</a.css>; rel=preload"]] as const;

test("sendInformational() writes a 103 with its fields before the final response (RFC 8297 §2)", () =>
  expectConversation({ input: GET + GET, output: HINTS + OK + HINTS + OK }, () => async (request) => {
    await request.sendInformational(103, link);
    return { status: 200, body: "ok" };
  }));

test("sendInformational() writes any number of 1xx, of any registered or unknown status (RFC 9110 §15.2)", () =>
  expectConversation({
    input: GET,
    output: "HTTP/1.1 102 Processing¶¶HTTP/1.1 102 Processing¶¶HTTP/1.1 199 ¶A: b¶¶" + OK,
  }, () => async (request) => {
    await request.sendInformational(102);
    await request.sendInformational(102, []);
    await request.sendInformational(199, { A: "b" });
    return { status: 200, body: "ok" };
  }));

test("sendInformational() needs no wait: what was written first comes first", () =>
  expectConversation({ input: GET, output: HINTS + OK }, () => (request) => {
    request.sendInformational(103, link);
    return { status: 200, body: "ok" };
  }));

test("sendInformational() leaves out the fields that delimit (RFC 9110 §8.6, RFC 9112 §6.1) [B7]", () =>
  expectConversation({ input: GET, output: "HTTP/1.1 103 Early Hints¶A: b¶¶" + OK }, () => async (request) => {
    await request.sendInformational(103, [["Content-Length", "1"], ["A", "b"], ["transfer-encoding", "chunked"]]);
    return { status: 200, body: "ok" };
  }));

test("sendInformational() is sent while the handler goes on", async () => {
  let go!: () => void;
  const { client } = conversing(async (request) => {
    await request.sendInformational(103, link);
    await new Promise<void>((resolve) => go = resolve);
    return { status: 200, body: "ok" };
  });
  await client.write(wire(GET));
  assertEquals(await readUntil(client, "preload¶¶"), HINTS);
  await turns();
  go();
  assertEquals(await readUntil(client, "ok"), OK);
  await client.close();
});

for (const status of [99, 101, 200, 204, 0, -1, 1000, NaN, 103.5]) {
  test(`sendInformational() refuses ${status} and writes nothing (RFC 9110 §15.2)`, async () => {
    let error: unknown;
    await expectConversation({ input: GET, output: OK }, () => async (request) => {
      error = await assertRejects(() => request.sendInformational(status), Error);
      return { status: 200, body: "ok" };
    });
    assertEquals((error as Error).name, Number.isInteger(status) ? "StateError" : "RangeError");
  });
}

test("sendInformational() refuses fields that split the head, and writes nothing [H1]", () =>
  expectConversation({ input: GET, output: OK }, () => async (request) => {
    await assertRejects(() => request.sendInformational(103, [["A", "b"], ["C", "d\r\nE: f"]]), TypeError);
    await assertRejects(() => request.sendInformational(103, [["A b", "c"]]), TypeError);
    return { status: 200, body: "ok" };
  }));

test("sendInformational() refuses once the final response is decided, then and for good (RFC 9110 §15)", async () => {
  const requests: IncomingRequest[] = [];
  const codes: string[] = [];
  const refused = async (request: IncomingRequest): Promise<void> => {
    codes.push((await assertRejects(() => request.sendInformational(103), StateError)).code);
  };
  const { client, connection } = conversing((request) => {
    requests.push(request);
    return {
      status: 200,
      body: (async function* () {
        await refused(request);
        yield wire("ok");
      })(),
    };
  });
  await client.write(wire(GET + GET));
  await readUntil(client, (soFar) => soFar.split("0¶¶").length === 3);
  await refused(requests[0]!);
  await client.closeWrite();
  assertEquals(await readAll(client), "");
  await connection.closed;
  for (const request of requests) await refused(request);
  assertEquals(codes, ["head-sent", "head-sent", "done", "done", "done"]);
});

test("sendInformational() of one request never reaches the exchange of another", async () => {
  let first!: IncomingRequest;
  let code = "";
  const handler = async (request: IncomingRequest) => {
    first ??= request;
    if (request !== first) code = (await assertRejects(() => first.sendInformational(103), StateError)).code;
    return { status: 200, body: "ok" };
  };
  const { output } = await converse([wire(GET + GET)], handler);
  assertEquals([output, code], [OK + OK, "done"]);
});

test("sendInformational() rejects when the client is gone, and needs no handler for that", async () => {
  let sent!: Promise<void>;
  const { client, connection } = conversing(async (request) => {
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    sent = request.sendInformational(103);
    return { status: 200 };
  });
  await client.write(wire(GET));
  await turns();
  client.abort();
  await connection.closed;
  await assertRejects(() => sent, Error);
});
