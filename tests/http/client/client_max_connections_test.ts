import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import { answer, dialing, rejection } from "../../support/dialing.ts";
import { isPending } from "../../support/switching.ts";
import { readUntil, turns, wire } from "../../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";

test("maxConnectionsPerOrigin lets no more be open, and the others wait in their order", async () => {
  const { client, connection, dialed } = dialing({ maxConnectionsPerOrigin: 2 });
  const told: string[] = [];
  const fetches = ["a", "b", "c", "d", "e"].map(async (name) => {
    const response = await client.fetch(`http://h/${name}`);
    told.push(`${name} ${await response.text()}`);
  });
  const [one, two] = [await connection(0), await connection(1)];
  const asked = [];
  for (const { far } of [one, two, one, two, one]) {
    await turns();
    asked.push((await answer(far, OK)).slice(4, 6));
  }
  await Promise.all(fetches);
  assertEquals(asked, ["/a", "/b", "/c", "/d", "/e"]);
  assertEquals(told, ["a ok", "b ok", "c ok", "d ok", "e ok"]);
  assertEquals([dialed.length, client.connections], [2, 2]);
  await client.close();
});

test("maxConnectionsPerOrigin counts each origin by itself", async () => {
  const { client, connection } = dialing({ maxConnectionsPerOrigin: 1 });
  const fetches = ["http://a/", "http://b/", "http://a:81/"].map((url) => client.fetch(url));
  for (let i = 0; i < 3; i++) await answer((await connection(i)).far, OK);
  for (const fetching of fetches) assertEquals(await (await fetching).text(), "ok");
  await client.close();
});

test("maxConnectionsPerOrigin: a response that nobody has read keeps its place", async () => {
  const { client, connection, dialed } = dialing({ maxConnectionsPerOrigin: 1 });
  const first = client.fetch("http://a/");
  const { far } = await connection(0);
  await answer(far, OK);
  const response = await first;
  const second = client.fetch("http://a/2");
  assert(await isPending(second));
  assertEquals(await response.text(), "ok");
  assertEquals((await answer(far, OK)).slice(0, 6), "GET /2");
  assertEquals(await (await second).text(), "ok");
  assertEquals(dialed.length, 1);
  await client.close();
});

test("maxConnectionsPerOrigin: failed, cut and upgraded connections leave their place", async () => {
  const endings: readonly ((far: { write(bytes: Uint8Array): Promise<void>; abort(): void }) => unknown)[] = [
    (far) => far.abort(),
    (far) => far.write(wire("HTTP/9 what¶¶")),
    (far) => far.write(wire("HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: x¶¶")),
    (far) => far.write(wire("HTTP/1.1 200 OK¶Connection: close¶Content-Length: 0¶¶")),
  ];
  for (const end of endings) {
    const { client, connection } = dialing({ maxConnectionsPerOrigin: 1 });
    const first = client.fetch("http://a/", { method: "POST", headers: { connection: "upgrade", upgrade: "x" } });
    const { far } = await connection(0);
    await readUntil(far, "¶¶");
    const second = client.fetch("http://a/");
    assert(await isPending(second));
    await end(far);
    await first.then(onUpgrade).then((io) => io.close()).catch(() => {});
    await answer((await connection(1)).far, OK);
    assertEquals(await (await second).text(), "ok");
    await client.abort();
  }
});

test("maxConnectionsPerOrigin: who cannot be connected leaves the place", async () => {
  let dials = 0;
  const { client } = dialing({ maxConnectionsPerOrigin: 1 });
  const dial = () => {
    dials++;
    throw new Error("nobody there");
  };
  for (let i = 0; i < 3; i++) {
    assertEquals(String(await rejection(client.fetch("http://a/", { dial }))), "Error: nobody there");
  }
  assertEquals(dials, 3);
  await client.close();
});

test("maxConnectionsPerOrigin: a request that is given up while it waits leaves the queue", async () => {
  const { client, connection } = dialing({ maxConnectionsPerOrigin: 1 });
  const first = client.fetch("http://a/");
  const { far } = await connection(0);
  const controller = new AbortController();
  const second = client.fetch("http://a/2", { signal: controller.signal });
  const third = client.fetch("http://a/3");
  await turns();
  controller.abort(new Error("enough"));
  assertEquals(String(await rejection(second)), "Error: enough");
  await answer(far, OK);
  await (await first).text();
  assertEquals((await answer(far, OK)).slice(0, 6), "GET /3");
  await (await third).text();
  await client.close();
});

test("close() and abort() turn away who waits for a connection", async () => {
  for (const how of ["close", "abort"] as const) {
    const { client, connection } = dialing({ maxConnectionsPerOrigin: 1 });
    const first = client.fetch("http://a/");
    const { far } = await connection(0);
    const second = client.fetch("http://a/2");
    await turns();
    const ended = client[how]();
    const error = await rejection(second);
    assert(error instanceof StateError && error.code === "closed", `${error}`);
    if (how === "close") {
      await answer(far, OK);
      assertEquals(await (await first).text(), "ok");
    } else {
      await rejection(first);
    }
    await ended;
    assertEquals(client.connections, 0);
  }
});
