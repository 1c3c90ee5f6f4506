import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { answer, dialing, dialingServed, rejection } from "../../support/dialing.ts";
import { everyCut, readUntil, turns, wire } from "../../support/wire.ts";

const SWITCHED = "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo/1¶¶";

test("upgrade() offers its protocols and gives the connection, early bytes first [E8]", async () => {
  for (const { how, chunks } of everyCut(wire(SWITCHED + "early"))) {
    const { client, connection } = dialing();
    const upgrading = client.upgrade("http://a/chat", { protocol: ["echo/1", "echo/2"] });
    const { far } = await connection(0);
    const request = await readUntil(far, "¶¶");
    assertEquals(
      request,
      "GET /chat HTTP/1.1¶host: a¶connection: Upgrade¶upgrade: echo/1, echo/2¶accept: */*¶user-agent: t¶¶",
    );
    const reading = upgrading.then(async (io) => {
      let all = "";
      while (all.length < 5) all += new TextDecoder().decode((await io.read())!);
      return [io.protocol, all];
    });
    for (const chunk of chunks) await far.write(chunk);
    assertEquals(await reading, ["echo/1", "early"], how);
    const io = await upgrading;
    await io.write(wire("back"));
    assertEquals(await readUntil(far, "back"), "back");
    await io.close();
    await client.close();
  }
});

test("upgrade() with POST announces that there is no body, and with GET nothing: RFC 9110 §8.6", async () => {
  for (const [method, framing] of [["POST", "content-length: 0¶"], ["GET", ""]]) {
    const { client, connection } = dialing();
    const upgrading = client.upgrade("http://a/", { method: method!, protocol: "echo/1" });
    const { far } = await connection(0);
    const head = `${method} / HTTP/1.1¶host: a¶connection: Upgrade¶upgrade: echo/1¶accept: */*¶user-agent: t¶`;
    assertEquals(await answer(far, SWITCHED), `${head}${framing}¶`);
    await (await upgrading).close();
    await client.close();
  }
});

test("upgrade() never gives the connection back to the pool, also where the client is closed", async () => {
  const { client, connection, dialed } = dialing();
  const first = client.fetch("http://a/");
  const { far } = await connection(0);
  await answer(far, "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok");
  await (await first).text();
  await turns();
  const upgrading = client.upgrade("http://a/", { protocol: "echo/1" });
  await answer(far, SWITCHED);
  const io = await upgrading;
  assertEquals([dialed.length, client.connections], [1, 0]);
  await client.close();
  await far.write(wire("still here"));
  assertEquals(await io.read(), wire("still here"));
  await io.closeWrite();
  assertEquals(await far.read(), null);
  await far.closeWrite();
  assertEquals(await io.read(), null);
  await io.close();
});

test("upgrade() sends its body completely before the switch (Docker, Kubernetes) [E5, E10]", async () => {
  let received = "";
  const { client } = dialingServed(async (request) => {
    received = `${request.method} ${request.fields.get("content-type")} ${await request.body.text()}`;
    const { response, upgraded } = upgradeResponse(request, "tcp");
    upgraded.then(async (io) => {
      await io.write(wire("raw"));
      await io.close();
    });
    return response;
  });
  for (const body of ['{"Tty":false}', new Blob(['{"Tty":', "false}"]).stream()]) {
    const io = await client.upgrade("http://docker/exec/1/start", {
      method: "POST",
      protocol: "tcp",
      headers: { "content-type": "application/json" },
      body,
    });
    assertEquals(received, 'POST application/json {"Tty":false}');
    assertEquals(await io.read(), wire("raw"));
    await io.close();
  }
  await client.close();
});

test("upgrade() rejects with UpgradeRejected, whose response is readable, and keeps the connection [E13, E15]", async () => {
  const { client, dialed } = dialingServed(() => ({ status: 401, body: "who are you?", fields: [["x-a", "1"]] }));
  const error = await rejection(client.upgrade("http://a/", { protocol: "echo/1" }));
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.code, error.status], ["refused", 401]);
  const { response } = error;
  assertInstanceOf(response, Response);
  assertEquals([response.status, response.headers.get("x-a")], [401, "1"]);
  assertEquals(await response.text(), "who are you?");
  await turns();
  await rejection(client.upgrade("http://a/", { protocol: "echo/1" }));
  assertEquals(dialed.length, 1);
  await client.abort();
});

test("upgrade() does not follow redirects", async () => {
  const { client } = dialingServed(() => ({ status: 302, fields: [["location", "/elsewhere"]] }));
  const error = await rejection(client.upgrade("http://a/", { protocol: "echo/1" }));
  assert(error instanceof UpgradeRejected && error.status === 302, `${error}`);
  await client.close();
});

for (
  const [what, answered] of [
    ["a protocol that was not offered", "HTTP/1.1 101 S¶Connection: upgrade¶Upgrade: other¶¶"],
    ["no protocol", "HTTP/1.1 101 S¶Connection: upgrade¶¶"],
    ["HTTP/1.0", "HTTP/1.0 101 S¶Connection: upgrade¶Upgrade: echo/1¶¶"],
  ] as const
) {
  test(`upgrade() fails on a 101 with ${what} and closes [E9]`, async () => {
    const { client, connection } = dialing();
    const upgrading = client.upgrade("http://a/", { protocol: "echo/1" });
    const { far, near } = await connection(0);
    await answer(far, answered);
    const error = await rejection(upgrading);
    assert(error instanceof ProtocolError && error.code === "unexpected-upgrade", `${error}`);
    await near.closed.catch(() => {});
    await turns();
    assertEquals(client.connections, 0);
    await client.close();
  });
}

const HIJACKED = "HTTP/1.1 200 OK¶Content-Type: application/vnd.docker.raw-stream¶¶";

test("upgrade() with hijack takes Docker's 200 for the switch, both ways", async () => {
  const { client, connection } = dialing();
  const upgrading = client.upgrade("http://docker/attach", { method: "POST", protocol: "tcp", hijack: true });
  const { far } = await connection(0);
  await answer(far, HIJACKED + "out");
  const io = await upgrading;
  assertEquals(io.protocol, null);
  assertEquals(await io.read(), wire("out"));
  await io.write(wire("in"));
  assertEquals(await readUntil(far, "in"), "in");
  await io.closeWrite();
  assertEquals(await far.read(), null);
  await far.write(wire("late"));
  assertEquals(await io.read(), wire("late"));
  await io.close();
  assertEquals(client.connections, 0);
  await client.close();
});

test("upgrade() with hijack takes a 200 with a length, or another status, for what it is", async () => {
  for (const [status, head] of [[200, "200 OK¶Content-Length: 2"], [404, "404 Not Found¶Content-Length: 2"]] as const) {
    const { client, connection } = dialing();
    const upgrading = client.upgrade("http://docker/attach", { method: "POST", protocol: "tcp", hijack: true });
    await answer((await connection(0)).far, `HTTP/1.1 ${head}¶¶no`);
    const error = await rejection(upgrading);
    assert(error instanceof UpgradeRejected && error.status === status, `${error}`);
    assertEquals(await (error.response as Response).text(), "no");
    await client.close();
  }
});

test("upgrade() without hijack leaves Docker's 200 a body", async () => {
  const { client, connection } = dialing();
  const upgrading = client.upgrade("http://docker/attach", { method: "POST", protocol: "tcp" });
  const { far } = await connection(0);
  await answer(far, HIJACKED + "out");
  await far.closeWrite();
  const error = await rejection(upgrading);
  assert(error instanceof UpgradeRejected && error.status === 200, `${error}`);
  assertEquals(await (error.response as Response).text(), "out");
  await client.close();
});

test("upgrade() aborted before the answer rejects with the reason and leaves nothing", async () => {
  const { client, connection } = dialing();
  const controller = new AbortController();
  const reason = new Error("enough");
  const upgrading = rejection(client.upgrade("http://a/", { protocol: "x", signal: controller.signal }));
  const { far, near } = await connection(0);
  await readUntil(far, "¶¶");
  controller.abort(reason);
  assertEquals(await upgrading, reason);
  await near.closed.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("upgrade(): its signal has no say once the connection has switched", async () => {
  const { client, connection } = dialing();
  const controller = new AbortController();
  const upgrading = client.upgrade("http://a/", { protocol: "echo/1", signal: controller.signal });
  const { far } = await connection(0);
  await answer(far, SWITCHED);
  const io = await upgrading;
  controller.abort();
  await turns();
  await far.write(wire("x"));
  assertEquals(await io.read(), wire("x"));
  await io.close();
  await client.close();
});

test("upgrade() without a protocol is a TypeError", async () => {
  const { client, dialed } = dialing();
  await assertRejects(() => client.upgrade("http://a/", { protocol: [] }), TypeError);
  assertEquals(dialed.length, 0);
  await client.close();
});
