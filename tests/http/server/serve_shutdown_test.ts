import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { tunnel } from "../../../src/proxy/mod.ts";
import { rejection } from "../../support/dialing.ts";
import { dial, listening } from "../../support/http_server.ts";
import { FakeClock, readAll, readUntil, text, turns, wire } from "../../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

const echoing: ServeHandler = (request) => upgradeResponse(request, "echo", {}, echo).response;

/** A promise to be settled from outside. */
function gate<T = void>(): { readonly promise: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => open = resolve);
  return { promise, open };
}

/** Whether a promise settles without the test doing anything more. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  promise.then(() => pending = false, () => pending = false);
  for (let i = 0; i < 5; i++) await turns();
  return pending;
}

test("server.shutdown() ends a connection that has said nothing yet at once [C11]", async () => {
  const { server, port } = await listening(() => new Response());
  const socket = dial(port);
  await socket.opened;
  while (server.connections === 0) await turns();
  const finished = server.shutdown();
  assertEquals(await readAll(socket), "");
  await socket.close();
  await finished;
});

test("server.shutdown() resolves when the port is free [C11]", async () => {
  let port = 0;
  for (let round = 0; round < 10; round++) {
    const server = serve({ hostname: "127.0.0.1", port }, () => LightResponse.of("hello"));
    port = (await server.listening)[0].port;
    if (round % 2 === 1) {
      const socket = dial(port);
      await socket.write(wire("GET / HTTP/1.1¶Host: a¶Connection: close¶¶"));
      assertStringIncludes(await readAll(socket), "hello");
      await socket.close();
    }
    await turns(); // now the platform accepts
    await server.shutdown();
  }
});

test("server.shutdown() lets a response stream to its end and a request body come in whole [C11]", async () => {
  const more = gate();
  const begun = gate();
  const { server, port } = await listening((request) => {
    begun.open();
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(wire("begin,"));
        await more.promise;
        controller.enqueue(wire(`${await request.text()},end`));
        controller.close();
      },
    });
    return new Response(body);
  });
  const socket = dial(port);
  await socket.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 8¶¶half"));
  await begun.promise;
  await readUntil(socket, "begin,¶");
  const finished = server.shutdown();
  more.open();
  await socket.write(wire("full"));
  assertStringIncludes(await readAll(socket), "halffull,end");
  await socket.close();
  await finished;
});

test("server.shutdown() answers the request at hand with Connection: close, and none behind it [C11]", async () => {
  const answer = gate<Response>();
  const come = gate();
  let requests = 0;
  const { server, port } = await listening(() => {
    requests++;
    come.open();
    return answer.promise;
  });
  const socket = dial(port);
  await socket.write(wire(GET.repeat(3)));
  await come.promise;
  const finished = server.shutdown();
  answer.open(new Response("x"));
  const output = await readAll(socket);
  assertEquals([output.match(/HTTP\/1\.1 200/g)?.length, requests], [1, 1]);
  assertStringIncludes(output, "connection: close¶");
  await socket.close();
  await finished;
});

test("server.shutdown() keeps the promise of an upgrade that is being decided [C11]", async () => {
  for (const upgraded of ["wait", "close", "ignore"] as const) {
    const decided = gate();
    const come = gate();
    const { server, port } = await listening(async (request) => {
      come.open();
      await decided.promise;
      return upgradeResponse(request, "echo", {}, echo).response;
    });
    const socket = dial(port);
    await socket.write(wire(UPGRADE + "x"));
    await come.promise;
    const finished = server.shutdown({ upgraded });
    decided.open();
    if (upgraded === "close") {
      assertMatch(await readAll(socket), /^HTTP\/1\.1 101 /);
    } else {
      await readUntil(socket, "¶¶x");
      if (upgraded === "wait") assert(await isPending(finished));
      else await finished;
      await socket.write(wire("y"));
      assertEquals(text((await socket.read())!), "y");
    }
    await socket.close();
    await finished;
  }
});

test("server.shutdown() waits for the callback of an upgrade, also where its connection is over", async () => {
  const work = gate();
  const closed = gate();
  const { server, port } = await listening((request) =>
    upgradeResponse(request, "echo", {}, async (io) => {
      await io.close();
      closed.open();
      await work.promise;
    }).response
  );
  const socket = dial(port);
  await socket.write(wire(UPGRADE));
  await readAll(socket);
  await socket.close();
  await closed.promise;
  const finished = server.shutdown();
  assert(await isPending(finished));
  work.open();
  await finished;
});

test("server.shutdown({ upgraded: close }) ends tunnels of CONNECT, too", async () => {
  const { server, port } = await listening(() => new Response(), {
    connect: (request) => connectResponse(request, {}, echo).response,
  });
  const socket = dial(port);
  await socket.write(wire("CONNECT b:1 HTTP/1.1¶Host: b:1¶¶"));
  await readUntil(socket, "¶¶");
  const finished = server.shutdown({ upgraded: "close" });
  assertEquals(await readAll(socket), "");
  await socket.close();
  await finished;
});

for (const how of ["closes", "cuts"] as const) {
  test(`server.shutdown() that ${how} an upgrade that nobody has claimed leaves no timer, and what it owns ends`, async () => {
    const clock = new FakeClock();
    let aborted = 0;
    const owns = { abort: () => void aborted++ };
    const { server, port } = await listening((request) => upgradeResponse(request, "echo", { owns }).response, {
      clock,
    });
    const socket = dial(port);
    await socket.write(wire(UPGRADE));
    await readUntil(socket, "¶¶");
    while (clock.pending === 0) await turns();
    await server.shutdown(how === "closes" ? { upgraded: "close" } : { signal: AbortSignal.abort(new Error("cut")) });
    await turns();
    assertEquals([clock.pending, aborted], [0, 1]);
    socket.abort();
  });
}

test("server.shutdown() a second time may be less patient", async () => {
  const { server, port } = await listening(echoing);
  const socket = dial(port);
  await socket.write(wire(UPGRADE));
  await readUntil(socket, "¶¶");
  const finished = server.shutdown();
  assert(await isPending(finished));
  const second = server.shutdown({ upgraded: "close" });
  assertEquals(await readAll(socket), "");
  await socket.close();
  await Promise.all([finished, second, server.finished]);
});

test("server.shutdown({ signal }) cuts upgraded connections and handlers alike", async () => {
  const come = gate();
  const { server, port } = await listening((request) => {
    if (request.headers.has("upgrade")) return echoing(request, undefined!);
    come.open();
    return new Promise<Response>(() => {});
  });
  const [tunnel, busy] = [dial(port), dial(port)];
  await tunnel.write(wire(UPGRADE));
  await readUntil(tunnel, "¶¶");
  await busy.write(wire(GET));
  await come.promise;
  const patience = new AbortController();
  const finished = server.shutdown({ signal: patience.signal });
  assert(await isPending(finished));
  patience.abort(new Error("enough"));
  await finished;
  assertEquals(server.connections, 0);
  for (const socket of [tunnel, busy]) {
    assertEquals(await readAll(socket).catch(() => ""), "");
    socket.abort();
  }
});

test("server.shutdown({ signal }) with a signal that has aborted cuts at once", async () => {
  const { server, port } = await listening(echoing);
  const socket = dial(port);
  await socket.write(wire(UPGRADE));
  await readUntil(socket, "¶¶");
  await server.shutdown({ signal: AbortSignal.abort() });
  assertEquals(server.connections, 0);
  socket.abort();
});

test("serve({ signal }) shuts down when the signal aborts, and one that has aborted serves nobody", async () => {
  const controller = new AbortController();
  const { server, port } = await listening(() => LightResponse.of("x"), { signal: controller.signal });
  const socket = dial(port);
  await socket.write(wire(GET));
  await readUntil(socket, "x");
  controller.abort();
  assertEquals(await readAll(socket), "");
  await socket.close();
  await server.finished;
  const never = serve({ hostname: "127.0.0.1", port: 0, signal: AbortSignal.abort() }, () => new Response());
  const [{ port: nobody }] = await never.listening;
  await never.finished;
  await rejection(dial(nobody!).opened);
});

test("leaving the scope of a server ends listening, idle and upgraded connections", async () => {
  const { server, port } = await listening((request) => {
    return request.headers.has("upgrade") ? echoing(request, undefined!) : LightResponse.of("x");
  });
  for (const head of [GET, UPGRADE]) {
    const socket = dial(port);
    await socket.write(wire(head));
    await readUntil(socket, head === GET ? "x" : "¶¶");
    readAll(socket).then(() => socket.close());
  }
  await server[Symbol.asyncDispose]();
  assertEquals(server.connections, 0);
  await server.finished;
  await rejection(dial(port).opened);
});

test("server.shutdown() before the server listens is a server that never takes a connection", async () => {
  const server = serve({ hostname: "127.0.0.1", port: 0 }, () => new Response());
  await server.shutdown();
  const [{ port }] = await server.listening;
  await rejection(dial(port!).opened);
});

test("a shut-down server takes nothing from its signal any more", async () => {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = function (this: AbortSignal, ...args: Parameters<typeof addEventListener>): void {
    listeners++;
    addEventListener.apply(this, args);
  } as typeof addEventListener;
  signal.removeEventListener = function (this: AbortSignal, ...args: Parameters<typeof removeEventListener>): void {
    listeners--;
    removeEventListener.apply(this, args);
  } as typeof removeEventListener;
  const { server } = await listening(() => new Response(), { signal });
  await server.shutdown({ signal });
  await turns();
  assertEquals(listeners, 0);
});

for (const how of ["closes", "cuts"] as const) {
  test(`server.shutdown() that ${how} tunnels does not tell onError what it did itself`, async () => {
    const told: unknown[] = [];
    const { server: target, port: reaches } = await listening(echoing);
    const { server, port } = await listening(() => new Response(), {
      onError: (error) => void told.push(error),
      async connect(request) {
        const far = dial(reaches);
        await far.opened;
        return connectResponse(request, {}, async (io) => void await tunnel(io, far)).response;
      },
    });
    const client = dial(port);
    await client.write(wire(`CONNECT a:1 HTTP/1.1¶Host: a:1¶¶`));
    await readUntil(client, "¶¶");
    await client.write(wire(UPGRADE));
    await readUntil(client, "¶¶");
    await server.shutdown(how === "closes" ? { upgraded: "close" } : { signal: AbortSignal.abort(new Error("cut")) });
    client.abort();
    await target.shutdown({ upgraded: "close" });
    assertEquals(told, []);
  });
}

test("server.shutdown() that closes upgraded connections still tells onError what their callbacks throw", async () => {
  const told: unknown[] = [];
  const error = new Error("of the callback");
  const { server, port } = await listening((request) => {
    return upgradeResponse(request, "echo", {}, async (io) => {
      await io.read().catch(() => {});
      throw error;
    }).response;
  }, { onError: (error) => void told.push(error) });
  const client = dial(port);
  await client.write(wire(UPGRADE));
  await readUntil(client, "¶¶");
  await server.shutdown({ upgraded: "close" });
  client.abort();
  assertEquals(told, [error]);
});
