import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { everyCut, FakeClock, readAll, readUntil, text, turns, wire } from "../support/wire.ts";
import {
  CONNECT,
  CONNECTED,
  expectText,
  isPending,
  rawEnd,
  rejectedFor,
  serving,
  SWITCHED,
  transports,
} from "../support/switching.ts";

const HEAD = "POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: foobar¶";
const CONTINUE = "HTTP/1.1 100 Continue¶¶";

/** What a handler does with the body, and what it got of it at the end. */
interface Treatment {
  readonly name: "read" | "cancelled" | "untouched" | "held" | "begun" | "streamed" | "read later";
  /** Before the response is returned. */
  before(request: IncomingRequest): void | Promise<void>;
  /** Once the protocol has switched: the body as far as the handler can see it. */
  after(request: IncomingRequest): Promise<string | null>;
}

function treatments(): readonly Treatment[] {
  let seen = "";
  let reader!: ReadableStreamDefaultReader<Uint8Array>;
  let reading!: Promise<string>;
  return [
    {
      name: "read",
      before: async (request) => void (seen = text(await request.body.bytes())),
      after: () => Promise.resolve(seen),
    },
    { name: "cancelled", before: (request) => request.body.cancel(), after: () => Promise.resolve(null) },
    { name: "untouched", before: () => {}, after: () => Promise.resolve(null) },
    {
      name: "held",
      before: (request) => void (reader = request.body.stream.getReader()),
      after: async () => {
        let all = "";
        for (let part = await reader.read(); !part.done; part = await reader.read()) all += text(part.value);
        return all;
      },
    },
    {
      name: "begun",
      before: async (request) => void (seen = text((await request.body.read())!)),
      after: async (request) => seen + await readAll(request.body),
    },
    {
      name: "streamed",
      before: (request) => void (reading = readAll(request.body)),
      after: () => reading,
    },
    { name: "read later", before: () => {}, after: (request) => readAll(request.body) },
  ];
}

/** The framings in which the body `helloworld` comes. */
const framings = [
  { framing: "Content-Length", field: "Content-Length: 10¶¶", body: "helloworld" },
  { framing: "chunked", field: "Transfer-Encoding: chunked¶¶", body: "5¶hello¶5;ext¶world¶0¶X-Trailer: 1¶¶" },
] as const;

for (const { framing, field, body } of framings) {
  for (const { name } of treatments()) {
    test(`serveConnection() hands over behind a ${framing} body that is ${name}, for every cut (RFC 9110 §7.8) [U14, U15, E5, E7]`, async () => {
      const message = wire(HEAD + field + body + "EXTRA");
      for (const { how, chunks } of everyCut(message)) {
        const treatment = treatments().find((candidate) => candidate.name === name)!;
        let request!: IncomingRequest;
        let upgraded!: Promise<Upgraded>;
        const { client, connection } = serving(async (incoming) => {
          request = incoming;
          upgraded = onUpgrade(incoming);
          await treatment.before(incoming);
          return upgradeResponse(incoming, "foobar").response;
        });
        for (const chunk of chunks) {
          await client.write(chunk);
          if (chunks.length <= 2) await turns();
        }
        await expectText(client, SWITCHED);
        assertEquals(await connection.closed, { reason: "upgrade" }, how);
        const io = await upgraded;
        await client.write(wire("MORE"));
        await client.closeWrite();
        assertEquals(await readAll(io), "EXTRAMORE", how);
        const seen = await treatment.after(request);
        if (seen !== null) assertEquals(seen, "helloworld", how);
      }
    });

    test(`serveConnection() keeps the rest of a ${framing} body that is ${name} out of the tunnel [U16]`, async () => {
      const treatment = treatments().find((candidate) => candidate.name === name)!;
      const half = body.indexOf("hello") + 5;
      let request!: IncomingRequest;
      let upgraded!: Promise<Upgraded>;
      const { client } = serving(async (incoming) => {
        request = incoming;
        upgraded = onUpgrade(incoming);
        await treatment.before(incoming);
        return upgradeResponse(incoming, "foobar").response;
      });
      await client.write(wire(HEAD + field + body.slice(0, half)));
      assert(await isPending(upgraded));
      await client.write(wire(`${body.slice(half)}EXTRA`));
      await expectText(client, SWITCHED);
      await expectText(await upgraded, "EXTRA");
      const seen = await treatment.after(request);
      if (seen !== null) assertEquals(seen, "helloworld");
    });
  }

  for (const { over, open } of transports) {
    test(`serveConnection() writes the whole 101 before it hands over, over ${over}: ${framing} body whose tail comes later [U18]`, async () => {
      const [near, far] = open();
      const client = rawEnd(near);
      let upgraded!: Promise<Upgraded>;
      const connection = serveConnection(far, (request) => {
        ({ upgraded } = upgradeResponse(request, "foobar"));
        upgraded.then((io) => io.write(wire("UP")), () => {});
        return upgradeResponse(request, "foobar").response;
      }, { dateHeader: false, clock: new FakeClock() });
      const half = body.indexOf("hello") + 5;
      const writing = client.write(wire(HEAD + field + body.slice(0, half)))
        .then(() => turns())
        .then(() => client.write(wire(`${body.slice(half)}EXTRA`)));
      await expectText(client, `${SWITCHED}UP`);
      const io = await upgraded;
      await expectText(io, "EXTRA");
      await writing;
      assertEquals(await connection.closed, { reason: "upgrade" });
    });
  }
}

for (const capacityBytes of [1, 16]) {
  test(`serveConnection() hands over only when a peer that holds ${capacityBytes} bytes has taken the 101 [U18]`, async () => {
    let upgraded!: Promise<Upgraded>;
    const { client, connection } = serving(
      (request) => {
        ({ upgraded } = upgradeResponse(request, "foobar"));
        return upgradeResponse(request, "foobar").response;
      },
      {},
      { capacityBytes, readBytes: 1 },
    );
    const writing = client.write(wire(`${HEAD}Content-Length: 5¶¶helloEXTRA`));
    const length = SWITCHED.replaceAll("¶", "\r\n").length;
    for (let taken = 1; length - taken >= capacityBytes; taken++) {
      assertEquals((await client.read())!.length, 1);
      assert(await isPending(upgraded), `handed over after ${taken} bytes`);
      assert(await isPending(connection.closed), `closed after ${taken} bytes`);
    }
    await client.read();
    await expectText(await upgraded, "EXTRA");
    await writing;
    assertEquals(await connection.closed, { reason: "upgrade" });
  });
}

for (const { name } of treatments()) {
  test(`serveConnection() sends the 100 before the 101 when the body is ${name} (RFC 9110 §7.8) [U17, E6]`, async () => {
    const treatment = treatments().find((candidate) => candidate.name === name)!;
    let request!: IncomingRequest;
    let upgraded!: Promise<Upgraded>;
    const { client } = serving(async (incoming) => {
      request = incoming;
      upgraded = onUpgrade(incoming);
      await treatment.before(incoming);
      return upgradeResponse(incoming, "foobar").response;
    });
    await client.write(wire(`${HEAD}Expect: 100-continue¶Content-Length: 10¶¶`));
    await expectText(client, CONTINUE);
    assert(await isPending(upgraded));
    await client.write(wire("helloworldEXTRA"));
    await expectText(client, SWITCHED);
    await expectText(await upgraded, "EXTRA");
    const seen = await treatment.after(request);
    if (seen !== null) assertEquals(seen, "helloworld");
  });

  test(`serveConnection() sends the 100 before the 101 when the body is ${name} and came unasked [U17, E6]`, async () => {
    const treatment = treatments().find((candidate) => candidate.name === name)!;
    const { client } = serving(async (request) => {
      await treatment.before(request);
      return upgradeResponse(request, "foobar").response;
    });
    await client.write(wire(`${HEAD}Expect: 100-continue¶Content-Length: 5¶¶helloEXTRA`));
    await expectText(client, CONTINUE + SWITCHED);
  });
}

test("serveConnection() sends no second 100 before the 101 when the handler sent one [U17]", async () => {
  const { client } = serving(async (request) => {
    await request.sendInformational(100);
    return upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(`${HEAD}Expect: 100-continue¶Content-Length: 5¶¶hello`));
  await expectText(client, CONTINUE + SWITCHED);
});

test("serveConnection() sends no 100 before a refusal of an upgrade that expects one (RFC 9110 §10.1.1) [U17, E4]", async () => {
  let rejected!: Promise<UpgradeRejected>;
  const { client, connection } = serving((request) => {
    rejected = rejectedFor("refused", onUpgrade(request));
    return { status: 403 };
  });
  await client.write(wire(`${HEAD}Expect: 100-continue¶Content-Length: 5¶¶`));
  await client.closeWrite();
  assertEquals(await readAll(client), "HTTP/1.1 403 Forbidden¶content-length: 0¶connection: close¶¶");
  await rejected;
  assertEquals((await connection.closed).reason, "shutdown");
});

for (const { framing, field, body } of framings) {
  test(`serveConnection() refuses an upgrade with an unread ${framing} body and goes on behind it [E4]`, async () => {
    const { client } = serving((request) => ({ status: 200, body: request.method }));
    await client.write(wire(`${HEAD}${field}${body}GET /2 HTTP/1.1¶Host: a¶¶`));
    await expectText(client, "HTTP/1.1 200 OK¶content-length: 4¶¶POSTHTTP/1.1 200 OK¶content-length: 3¶¶GET");
  });
}

/** Serves an upgrade with a body of 100 000 bytes, of which at most 1000 are discarded. */
function servingBig(before: (request: IncomingRequest) => void, options: ServerConnectionOptions = {}) {
  let upgraded!: Promise<Upgraded>;
  const errors: unknown[] = [];
  const served = serving((request) => {
    before(request);
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  }, { maxDrainBytes: 1000, onError: (error) => errors.push(error), ...options });
  return { ...served, upgraded: () => upgraded, errors };
}

for (const how of ["untouched", "cancelled", "held"] as const) {
  test(`serveConnection() answers 413 instead of a 101 when too much body is left: ${how} [U14, U16]`, async () => {
    const { client, connection, upgraded } = servingBig((request) => {
      if (how === "cancelled") request.body.cancel();
      if (how === "held") request.body.stream.getReader();
    });
    const output = readAll(client);
    await client.write(wire(`${HEAD}Content-Length: 100000¶¶${"x".repeat(2000)}`));
    const { status } = await rejectedFor("request-body", upgraded());
    assertEquals(status, 413);
    await client.closeWrite();
    assertEquals(await output, "HTTP/1.1 413 Content Too Large¶content-length: 0¶connection: close¶¶");
    assertEquals((await connection.closed).reason, "shutdown");
  });
}

test("serveConnection() takes exactly maxDrainBytes of a body and switches [U14]", async () => {
  const { client, upgraded } = servingBig(() => {});
  await client.write(wire(`${HEAD}Content-Length: 1000¶¶${"x".repeat(1000)}EXTRA`));
  await expectText(client, SWITCHED);
  await expectText(await upgraded(), "EXTRA");
});

test("serveConnection() switches behind a large body that somebody reads in the meantime [U14]", async () => {
  let taken = 0;
  const { client, upgraded } = servingBig(async (request) => {
    for await (const chunk of request.body) {
      taken += chunk.length;
      await turns();
    }
  });
  await client.write(wire(`${HEAD}Content-Length: 100000¶¶`));
  for (let i = 0; i < 100; i++) await client.write(wire("x".repeat(1000)));
  await client.write(wire("EXTRA"));
  await expectText(client, SWITCHED);
  await expectText(await upgraded(), "EXTRA");
  assertEquals(taken, 100_000);
});

test("serveConnection() answers 408 when the rest of the body does not come in time [U14]", async () => {
  const clock = new FakeClock();
  const { client, connection, upgraded } = servingBig(() => {}, { clock, drainTimeoutMs: 5000 });
  await client.write(wire(`${HEAD}Content-Length: 10¶¶hello`));
  await turns();
  await clock.advance(4999);
  assert(await isPending(upgraded()));
  await clock.advance(1);
  assertEquals((await rejectedFor("request-body", upgraded())).status, 408);
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 408 Request Timeout¶content-length: 0¶connection: close¶¶");
  await clock.advance(2000);
  assertEquals((await connection.closed).reason, "error");
  assertEquals(clock.pending, 0);
});

test("serveConnection() answers 408 when whoever began to read the body does not go on [U14]", async () => {
  const clock = new FakeClock();
  let upgraded!: Promise<Upgraded>;
  let request!: IncomingRequest;
  const { client, connection } = serving(async (incoming) => {
    request = incoming;
    ({ upgraded } = upgradeResponse(incoming, "foobar"));
    await incoming.body.read();
    return { status: 101 };
  }, { clock, maxDrainBytes: 1000, drainTimeoutMs: 5000 });
  await client.write(wire(`${HEAD}Content-Length: 100000¶¶`));
  for (let i = 0; i < 5; i++) {
    await client.write(wire("x".repeat(1000)));
    await turns();
  }
  await clock.advance(4999);
  assert(await isPending(upgraded));
  await clock.advance(1);
  assertEquals((await rejectedFor("request-body", upgraded)).status, 408);
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 408 Request Timeout¶content-length: 0¶connection: close¶¶");
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "error");
  const error = await readAll(request.body).catch((reason) => reason);
  assert(error instanceof ProtocolError && error.code === "truncated");
  assertEquals(clock.pending, 0);
});

test("serveConnection() answers 400 when the body breaks off before the switch (RFC 9112 §8) [U14]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client, connection } = serving((request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(`${HEAD}Content-Length: 10¶¶hello`));
  await client.closeWrite();
  assertEquals(await readAll(client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  const { cause, status } = await rejectedFor("canceled", upgraded);
  assert(cause instanceof ProtocolError && cause.code === "truncated");
  assertEquals(status, 400);
  assertEquals(await connection.closed, { reason: "error", error: cause });
});

test("serveConnection() answers 400 when the chunks of the body are broken before the switch (RFC 9112 §7.1) [U15]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client } = serving((request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(`${HEAD}Transfer-Encoding: chunked¶¶5¶helloEXTRA`));
  await client.closeWrite();
  assertEquals(await readAll(client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  const { cause } = await rejectedFor("canceled", upgraded);
  assert(cause instanceof ProtocolError && cause.code === "bad-chunk-end");
});

test("serveConnection() switches although gracefulShutdown() is called while the body is drained [U13, U16]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client, connection } = serving((request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(`${HEAD}Content-Length: 10¶¶hello`));
  await turns();
  const closed = connection.gracefulShutdown();
  await client.write(wire("worldEXTRA"));
  await expectText(client, SWITCHED);
  await expectText(await upgraded, "EXTRA");
  assertEquals(await closed, { reason: "upgrade" });
});

test("serveConnection() reads an empty chunked body before it hands over [E5]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client } = serving((request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(`${HEAD}Transfer-Encoding: chunked¶¶`));
  assert(await isPending(upgraded));
  await client.write(wire("0¶¶EXTRA"));
  await expectText(client, SWITCHED);
  await expectText(await upgraded, "EXTRA");
});

test("serveConnection() reads the content of a CONNECT before the tunnel if that is allowed [T8]", async () => {
  for (const { chunks } of everyCut(wire(`${CONNECT.slice(0, -1)}Content-Length: 5¶¶helloEARLY`))) {
    let upgraded!: Promise<Upgraded>;
    const { client } = serving((request) => {
      upgraded = onUpgrade(request);
      return { status: 200 };
    }, { leniency: { connectContent: true } });
    for (const chunk of chunks) await client.write(chunk);
    await expectText(client, CONNECTED);
    await client.closeWrite();
    assertEquals(await readAll(await upgraded), "EARLY");
  }
});

test("IncomingBody stays readable after the switch, also when nobody had touched it [U14]", async () => {
  let request!: IncomingRequest;
  const { client, connection } = serving((incoming) => {
    request = incoming;
    return upgradeResponse(incoming, "foobar").response;
  });
  await client.write(wire(`${HEAD}Transfer-Encoding: chunked¶¶5¶hello¶0¶x-check: 1¶¶`));
  assertEquals(await connection.closed, { reason: "upgrade" });
  assertEquals(await request.body.text(), "hello");
  assertEquals((await request.body.trailers).get("x-check"), "1");
});
