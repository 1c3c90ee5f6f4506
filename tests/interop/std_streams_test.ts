import { test } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  concatReadableStreams,
  LimitedBytesTransformStream,
  mergeReadableStreams,
  TextLineStream,
  toJson,
  toText,
} from "@std/streams";
import { Client, serve, type Upgraded, upgradeResponse } from "../../mod.ts";
import { rejection } from "../support/dialing.ts";

const encoder = new TextEncoder();

/** A server that gives each upgraded connection to `speak`, and a client that has switched. */
async function switched(speak: (io: Upgraded) => void | Promise<void>, act: (io: Upgraded) => Promise<void>) {
  const server = serve(
    { hostname: "127.0.0.1", port: 0, onError: () => {} },
    (request) => upgradeResponse(request, "lines", {}, speak).response,
  );
  const [{ port }] = await server.listening;
  const client = new Client();
  try {
    await act(await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "lines" }));
  } finally {
    await client.close();
    await server.shutdown({ upgraded: "close" });
  }
}

/** What a connection says, line by line. */
function linesOf({ readable }: { readonly readable: ReadableStream<Uint8Array> }): ReadableStream<string> {
  return readable.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new TextLineStream());
}

function bytesOf(...texts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const text of texts) controller.enqueue(encoder.encode(text));
      controller.close();
    },
  });
}

test("an upgraded connection speaks lines through TextLineStream, whatever the chunks, and hears the end", async () => {
  await switched(async (io) => {
    for await (const line of iterate(linesOf(io))) await io.write(encoder.encode(`you said ${line}\n`));
    await io.closeWrite();
  }, async (io) => {
    for (const part of ["hel", "lo\r", "\nw", "ö", "rld\n", "the rest"]) await io.write(encoder.encode(part));
    await io.closeWrite();
    const answers: string[] = [];
    for await (const line of iterate(linesOf(io))) answers.push(line);
    assertEquals(answers, ["you said hello", "you said wörld", "you said the rest"]);
  });
});

test("mergeReadableStreams() joins what two upgraded connections say, to the end of both", async () => {
  await switched(async (io) => {
    await io.write(encoder.encode("a"));
    await io.closeWrite();
  }, async (first) => {
    await switched(async (io) => {
      await io.write(encoder.encode("b"));
      await io.closeWrite();
    }, async (second) => {
      const both = await toText(mergeReadableStreams(first.readable, second.readable));
      assertEquals([...both].sort(), ["a", "b"]);
    });
  });
});

test("LimitedBytesTransformStream bounds what an upgraded connection takes, and the peer is cut off", async () => {
  let peer: Promise<unknown> | undefined;
  await switched((io) => {
    peer = rejection((async () => {
      while (true) await io.write(new Uint8Array(65_536));
    })());
    return peer.then(() => {});
  }, async (io) => {
    const limited = io.readable.pipeThrough(new LimitedBytesTransformStream(1_000_000, { error: true }));
    await assertRejects(() => toText(limited), RangeError);
    assertInstanceOf(await peer, Error);
  });
});

test("concatReadableStreams() makes a request's body, toJson() reads the response's", async () => {
  const server = serve({ hostname: "127.0.0.1", port: 0 }, async (request) => Response.json(await request.text()));
  const [{ port }] = await server.listening;
  const client = new Client();
  const body = concatReadableStreams(bytesOf("head ", "and "), bytesOf("tail"));
  const response = await client.fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
  assertEquals(await toJson(response.body!), "head and tail");
  await client.close();
  await server.shutdown();
});

/** Not every runtime of the tests has an iterator for streams in its types. */
async function* iterate<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
