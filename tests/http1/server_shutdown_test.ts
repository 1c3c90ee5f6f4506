import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Closed } from "../../src/http1/options.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { Handler, ServerConnection } from "../../src/http1/server_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { type Conversing, conversing } from "../support/serving.ts";
import { isPending, OK, type Transport, transports } from "../support/switching.ts";
import { FakeClock, readAll, readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const POST = "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶";
const OK_CLOSE = OK.replace("¶¶", "¶connection: close¶¶");

/** What one state is like. */
interface State {
  readonly name: string;
  /** Brings a connection there. */
  reach(client: Conversing["client"]): Promise<void>;
  /** What the handler does until `go()`. */
  readonly handler?: (go: Promise<void>) => Handler;
  /** What the client does so that the exchange can end. */
  finish?(client: Conversing["client"]): Promise<void>;
  /** What the client gets from a graceful shutdown on. */
  readonly output: string;
  /** Whether a graceful shutdown has nothing to wait for. */
  readonly idle?: boolean;
  /** Why it is over whatever is done, if that is decided already. */
  readonly decided?: Closed["reason"];
}

const ok: OutgoingResponse = { status: 200, body: "ok" };
const later = (go: Promise<void>): Handler => async () => {
  await go;
  return ok;
};

const states: readonly State[] = [
  { name: "never read", reach: () => turns(), output: "", idle: true },
  {
    name: "idle",
    async reach(client) {
      await client.write(wire(GET));
      await readUntil(client, "ok");
      await turns();
    },
    output: "",
    idle: true,
  },
  {
    name: "behind an empty line",
    async reach(client) {
      await client.write(wire("¶"));
      await turns();
    },
    output: "",
    idle: true,
  },
  {
    name: "mid-head",
    async reach(client) {
      await client.write(wire(GET.slice(0, 10)));
      await turns();
    },
    finish: (client) => client.write(wire(GET.slice(10))),
    output: OK_CLOSE,
  },
  {
    name: "mid-head of a second request",
    async reach(client) {
      await client.write(wire(GET));
      await readUntil(client, "ok");
      await client.write(wire(GET.slice(0, 10)));
      await turns();
    },
    finish: (client) => client.write(wire(GET.slice(10))),
    output: OK_CLOSE,
  },
  {
    name: "handler running",
    async reach(client) {
      await client.write(wire(GET));
      client.write(wire(GET)).catch(() => {});
      await turns();
    },
    handler: later,
    output: OK_CLOSE,
  },
  {
    name: "handler watching its signal",
    async reach(client) {
      await client.write(wire(GET));
      await turns();
    },
    handler: (go) => (request) => {
      request.signal;
      return later(go)(request);
    },
    output: OK_CLOSE,
  },
  {
    name: "body reading",
    async reach(client) {
      await client.write(wire(POST + "hello"));
      await turns();
    },
    handler: () => async ({ body }) => {
      await body.text();
      return ok;
    },
    finish: (client) => client.write(wire("world")),
    output: OK_CLOSE,
  },
  {
    name: "streaming",
    async reach(client) {
      await client.write(wire(GET));
      await readUntil(client, "1¶a¶");
    },
    handler: (go) => () => ({
      status: 200,
      body: (async function* () {
        yield wire("a");
        await go;
        yield wire("b");
      })(),
    }),
    output: "1¶b¶0¶¶",
  },
  {
    name: "reader behind the response",
    async reach(client) {
      await client.write(wire(POST));
      await readUntil(client, "ok");
      await turns();
    },
    handler: () => ({ body }) => {
      body.text();
      return ok;
    },
    finish: (client) => client.write(wire("helloworld")),
    output: "",
  },
  {
    name: "draining",
    async reach(client) {
      await client.write(wire(POST));
      await readUntil(client, "ok");
      await turns();
    },
    handler: () => () => ok,
    finish: (client) => client.write(wire("helloworld")),
    output: "",
  },
  {
    name: "lingering",
    async reach(client) {
      await client.write(wire(GET.replace("¶¶", "¶Connection: close¶¶")));
      await readUntil(client, "ok");
      await turns();
    },
    output: "",
    decided: "shutdown",
  },
  {
    name: "lingering behind an error",
    async reach(client) {
      await client.write(wire("GET"));
      await client.write(wire("@"));
      await readUntil(client, "¶¶");
      await turns();
    },
    output: "",
    decided: "error",
  },
  {
    name: "over",
    async reach(client) {
      await client.closeWrite();
      assertEquals(await readAll(client), "");
      await turns();
    },
    output: "",
    decided: "eof",
  },
];

/** A connection in a state. */
async function reached(state: State, transport?: Transport): Promise<Conversing & { go(): void }> {
  let go!: () => void;
  const gate = new Promise<void>((resolve) => go = resolve);
  const conversing_ = conversing(state.handler?.(gate) ?? (() => ok), {}, transport);
  await state.reach(conversing_.client);
  return { ...conversing_, go };
}

/** Expects a connection to be over, with no timer left. */
async function expectOver({ connection, clock }: Conversing, closed: Closed["reason"], how: string): Promise<void> {
  assertEquals((await connection.closed).reason, closed, how);
  await turns();
  assertEquals(clock.pending, 0, how);
}

const gracefully: readonly { readonly how: string; shutDown(connection: ServerConnection): unknown }[] = [
  { how: "gracefulShutdown()", shutDown: (connection) => connection.gracefulShutdown() },
  {
    how: "gracefulShutdown(), twice",
    shutDown: (connection) => [connection.gracefulShutdown(), connection.gracefulShutdown()],
  },
];

for (const state of states) {
  for (const { how, shutDown } of gracefully) {
    test(`${how} of a connection that is ${state.name} finishes the exchange, says close and ends [C11]`, async () => {
      for (const transport of transports) {
        const here = await reached(state, transport);
        shutDown(here.connection);
        await turns();
        if (state.idle !== true && state.decided === undefined) {
          assertEquals(await isPending(here.connection.closed), true, transport.over);
        }
        const output = readAll(here.client);
        here.go();
        await state.finish?.(here.client);
        assertEquals(await output, state.output, transport.over);
        await here.client.closeWrite();
        await expectOver(here, state.decided ?? "shutdown", transport.over);
        assertEquals(await here.connection.gracefulShutdown(), await here.connection.closed);
      }
    });
  }

  test(`abort() of a connection that is ${state.name} ends it at once, whatever its handler does`, async () => {
    for (const transport of transports) {
      const here = await reached(state, transport);
      const reason = new Error("enough");
      here.connection.abort(reason);
      here.connection.abort(new Error("again"));
      await expectOver(here, state.decided ?? "error", transport.over);
      if (state.decided === undefined) assertEquals(await here.connection.closed, { reason: "error", error: reason });
      here.go();
      await turns();
      assertEquals(here.clock.pending, 0);
      here.connection.abort();
      assertEquals((await here.connection.gracefulShutdown()).reason, state.decided ?? "error");
    }
  });

  test(`abort() behind gracefulShutdown() of a connection that is ${state.name} ends it at once`, async () => {
    for (const transport of transports) {
      const here = await reached(state, transport);
      const closed = here.connection.gracefulShutdown();
      await turns();
      here.connection.abort(new Error("enough"));
      await expectOver(here, state.decided ?? (state.idle ? "shutdown" : "error"), transport.over);
      assertEquals(await closed, await here.connection.closed);
      here.go();
      await turns();
      assertEquals(here.clock.pending, 0);
    }
  });

  test(`await using of a connection that is ${state.name} aborts what is unfinished and waits for the rest`, async () => {
    for (const transport of transports) {
      const here = await reached(state, transport);
      const disposed = here.connection[Symbol.asyncDispose]();
      const again = here.connection[Symbol.asyncDispose]();
      if (state.idle || state.decided) await here.client.closeWrite();
      await disposed;
      await again;
      await expectOver(here, state.decided ?? (state.idle ? "shutdown" : "error"), transport.over);
      here.go();
      await turns();
      assertEquals(here.clock.pending, 0);
    }
  });

  test(`a client that cuts a connection that is ${state.name} leaves nothing behind`, async () => {
    for (const transport of transports) {
      const here = await reached(state, transport);
      here.client.abort(new Error("cut"));
      here.go();
      const { reason } = await here.connection.closed;
      assert(reason === "error" || reason === state.decided, `${reason} over ${transport.over}`);
      await turns();
      assertEquals(here.clock.pending, 0, transport.over);
    }
  });
}

test("gracefulShutdown() serves what the client had sent before, up to the first response that says close [C11]", async () => {
  let asked = 0;
  const served = conversing(() => {
    if (++asked === 2) served.connection.gracefulShutdown();
    return ok;
  });
  await served.client.write(wire(GET + GET + GET));
  assertEquals(await readAll(served.client), OK + OK_CLOSE);
  await served.client.closeWrite();
  await expectOver(served, "shutdown", "");
  assertEquals(asked, 2);
});

test("gracefulShutdown() sends what pipelineFlush has gathered", async () => {
  const served = conversing(
    () => {
      queueMicrotask(() => queueMicrotask(() => served.connection.gracefulShutdown()));
      return { status: 200, body: "x".repeat(1000) };
    },
    { pipelineFlush: true },
    { open: () => duplexPair({ capacityBytes: 10 }) },
  );
  await served.client.write(wire(GET + GET.slice(0, 5)));
  const output = readAll(served.client);
  await turns();
  served.client.write(wire(GET.slice(5))).catch(() => {});
  assert((await output).startsWith(`HTTP/1.1 200 OK¶content-length: 1000¶¶${"x".repeat(1000)}`));
  await served.client.closeWrite();
  await expectOver(served, "shutdown", "");
});

test("gracefulShutdown() in the middle of a flush that the client holds up loses nothing and ends", async () => {
  const body = "x".repeat(1000);
  const served = conversing(() => ({ status: 200, body }), {}, { open: () => duplexPair({ capacityBytes: 10 }) });
  await served.client.write(wire(GET));
  await turns();
  const closed = served.connection.gracefulShutdown();
  assertEquals(await readAll(served.client), `HTTP/1.1 200 OK¶content-length: 1000¶¶${body}`);
  await served.client.closeWrite();
  assertEquals(await closed, { reason: "shutdown" });
  assertEquals(served.clock.pending, 0);
});

test("an idle connection ends our side first and hears the client out (RFC 9112 §9.6) [C7]", async () => {
  for (const { over, open } of transports) {
    const [near, far] = open();
    const clock = new FakeClock();
    const connection = serveConnection(far, () => ok, { dateHeader: false, clock });
    const reader = near.readable.getReader();
    const writer = near.writable.getWriter();
    await turns();
    const closed = connection.gracefulShutdown();
    assertEquals((await reader.read()).done, true, over);
    await writer.write(wire(GET));
    assertEquals(await isPending(closed), true);
    await writer.close();
    assertEquals(await closed, { reason: "shutdown" });
    assertEquals(clock.pending, 0);
  }
});

test("abort() gives its reason to whoever reads the body", async () => {
  const reason = new Error("enough");
  let failure: unknown;
  const served = conversing(async ({ body }) => {
    await body.text().catch((error) => failure = error.cause);
    return ok;
  });
  await served.client.write(wire(POST));
  await turns();
  served.connection.abort(reason);
  await expectOver(served, "error", "");
  assertStrictEquals(failure, reason);
});

test("a response that comes after the end is discarded, its stream canceled", async () => {
  let canceled: unknown;
  let answer!: (response: OutgoingResponse) => void;
  const served = conversing(() => new Promise((resolve) => answer = resolve));
  await served.client.write(wire(GET));
  await turns();
  served.connection.abort();
  await expectOver(served, "error", "");
  answer({ status: 200, body: new ReadableStream({ cancel: (reason) => void (canceled = reason) }) });
  await turns();
  assert(canceled !== undefined);
  assertEquals(served.clock.pending, 0);
});

test("a handler may abort its own connection", async () => {
  const served = conversing((request) => {
    served.connection.abort(new Error(request.target));
    return ok;
  });
  await served.client.write(wire(GET));
  const output = await readAll(served.client).catch((error) => error.code);
  assertEquals(output, "reset");
  await expectOver(served, "error", "");
});

for (const how of ["bytes", "a stream"]) {
  test(`our side ends only when the transport has taken all of ${how} (hyper's no premature shutdown)`, async () => {
    const done: string[] = [];
    let accept!: () => void;
    let taken = 0;
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(wire("POST / HTTP/1.1¶Host: a¶Connection: close¶Transfer-Encoding: chunked¶¶2¶ok¶0¶¶")),
    });
    const writable = new WritableStream<Uint8Array>({
      async write(chunk) {
        taken += chunk.length;
        if (taken > 212_992 && accept === undefined) await new Promise<void>((resolve) => accept = resolve);
        done.push("written");
      },
      close: () => void done.push("closed"),
    });
    const clock = new FakeClock();
    const body = new Uint8Array(500_000);
    const connection = serveConnection({ readable, writable }, () => ({
      status: 200,
      body: how === "bytes" ? body : (async function* () {
        for (let at = 0; at < body.length; at += 50_000) yield body.subarray(at, at + 50_000);
      })(),
    }), { dateHeader: false, clock });
    while (accept === undefined) await turns();
    connection.gracefulShutdown();
    await turns();
    assertEquals(done.includes("closed"), false);
    accept();
    while (!done.includes("closed")) await turns();
    assert(taken > 500_000 && done.at(-1) === "closed");
    await clock.advance(2000);
    assertEquals([await connection.closed, clock.pending], [{ reason: "shutdown" }, 0]);
  });
}
