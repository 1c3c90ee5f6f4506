/**
 * HTTP/2 without a network: field blocks that are written and read, and both sides of a connection joined in memory.
 *
 * @module
 */

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect, createServer, type Http2Server } from "node:http2";
import { Duplex } from "node:stream";
import { Http2ClientMachine } from "../../../src/http2/machine/client_machine.ts";
import { HpackDecoder } from "../../../src/http2/machine/hpack/decoder.ts";
import { HpackEncoder } from "../../../src/http2/machine/hpack/encoder.ts";
import { Http2ServerMachine } from "../../../src/http2/machine/server_machine.ts";
import { CONNECTIONS, type Load } from "../load/load.ts";
import { peerUrl } from "../peers.ts";

type Pairs = readonly (readonly [name: string, value: string])[];

/** What browsers and servers have sent: lists of fields, each connection's by itself. */
function stories(): Pairs[][] {
  const file = new URL("../../../tests/http2/data/hpack_stories.json", import.meta.url);
  const all = JSON.parse(readFileSync(file, "utf8")) as Record<string, { readonly headers: Pairs[] }>;
  return Object.values(all).map(({ headers }) => headers);
}

/** `HpackEncoder` and `HpackDecoder`; a block that is written and read is one operation. */
export function hpack(): Load {
  const connections = stories();
  return busy(() => {
    let count = 0;
    for (const blocks of connections) {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder({ maxFieldBytes: 65_536, maxFields: 1000 });
      for (const block of blocks) count += Math.sign(decoder.decode(encoder.encode(block)).lines.length);
    }
    return count;
  });
}

/** What is used of `hpack.js`. */
interface HpackJs {
  readonly compressor: { create(options: unknown): HpackJsStream };
  readonly decompressor: { create(options: unknown): HpackJsStream & { execute(): void } };
}

interface HpackJsStream {
  write(chunk: unknown): void;
  read(): Uint8Array | null;
}

/** `hpack.js`. */
export function hpackJs(): Load {
  const { compressor, decompressor } = createRequire(import.meta.url)(new URL(peerUrl("hpack.js")).pathname) as HpackJs;
  const connections = stories().map((blocks) => blocks.map((block) => block.map(([name, value]) => ({ name, value }))));
  return busy(() => {
    let count = 0;
    for (const blocks of connections) {
      const encoder = compressor.create({ table: { size: 4096 } });
      const decoder = decompressor.create({ table: { size: 4096, maxSize: 4096 } });
      for (const block of blocks) {
        encoder.write(block);
        for (let part = encoder.read(); part !== null; part = encoder.read()) decoder.write(part);
        decoder.execute();
        let lines = 0;
        while (decoder.read() !== null) lines++;
        count += Math.sign(lines);
      }
    }
    return count;
  });
}

const REQUEST = {
  method: "GET",
  scheme: "http",
  authority: "127.0.0.1:8080",
  path: "/",
  protocol: null,
  fields: [["user-agent", "bench/1.0"], ["accept", "*/*"]],
} as const;
const RESPONSE = { status: 200, fields: [["content-type", "text/plain"], ["content-length", "5"]] } as const;
const BODY = new TextEncoder().encode("hello");

/** Both machines joined in memory; as many requests are on their way at once as the load generator has connections. */
export function machines(): Load {
  const client = new Http2ClientMachine();
  const server = new Http2ServerMachine();
  return busy(() => {
    for (let i = 0; i < CONNECTIONS; i++) client.sendRequest(REQUEST, true);
    let count = 0;
    while (count < CONNECTIONS) {
      carry(client, server);
      for (let event = server.next(); event.type !== "need-data"; event = server.next()) {
        if (event.type !== "request") continue;
        server.sendResponse(event.streamId, RESPONSE, false);
        server.sendData(event.streamId, BODY);
        server.sendEnd(event.streamId, null);
      }
      carry(server, client);
      for (let event = client.next(); event.type !== "need-data"; event = client.next()) {
        if (event.type === "data") client.consume(event.streamId, event.bytes.length);
        else if (event.type === "end") count++;
      }
    }
    return count;
  });
}

function carry(from: Http2ClientMachine | Http2ServerMachine, to: Http2ClientMachine | Http2ServerMachine): void {
  for (const bytes of from.take()) to.receive(bytes.slice()); // as a read of a socket would give it
  from.recycle();
}

/** A client and a server of `node:http2` joined in memory by two streams. */
export function nodeHttp2(): Load {
  const server: Http2Server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": "5" });
    response.end("hello");
  });
  const [near, far] = duplexPair();
  server.emit("connection", far);
  const session = connect("http://127.0.0.1:8080", { createConnection: () => near });
  let count = 0;
  let stopped = false;
  const repeat = async (): Promise<void> => {
    while (!stopped) {
      await ask(session);
      count++;
    }
  };
  const repeating = Promise.all(Array.from({ length: CONNECTIONS }, repeat));
  return {
    count: () => count,
    async stop() {
      stopped = true;
      await repeating;
      session.destroy();
      near.destroy();
      far.destroy();
    },
  };
}

function ask(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": "/", "user-agent": "bench/1.0", "accept": "*/*" });
    stream.on("data", () => {});
    stream.on("end", resolve);
    stream.on("error", reject);
  });
}

function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  for (let i = 0; i < 2; i++) {
    ends.push(
      new Duplex({
        read() {},
        write(chunk, _encoding, done) {
          ends[1 - i]!.push(chunk);
          done();
        },
        final(done) {
          ends[1 - i]!.push(null);
          done();
        },
      }),
    );
  }
  return [ends[0]!, ends[1]!];
}

/** Does something over and over, and lets others have their turn now and then. */
function busy(some: () => number): Load {
  let count = 0;
  let stopped = false;
  const repeat = (): void => {
    const end = performance.now() + 5;
    while (performance.now() < end) count += some();
    if (!stopped) setTimeout(repeat);
  };
  repeat();
  return {
    count: () => count,
    stop() {
      stopped = true;
      return Promise.resolve();
    },
  };
}
