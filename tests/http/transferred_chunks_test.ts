/** Chunks of bodies are the reader's, as those of the platform: their buffers may be transferred, to a worker for example. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client, serve } from "../../mod.ts";

const BYTES = 300_000;
const sent: Uint8Array<ArrayBuffer> = Uint8Array.from({ length: BYTES }, (_, at) => at ^ at >>> 8);

/** The bytes in short pieces, many of which come at once. */
function pieces(): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= BYTES) return controller.close();
      controller.enqueue(sent.slice(at, at += 3000));
    },
  });
}

/** Reads to the end, and transfers the buffer of each chunk. */
async function transferred(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const { buffer, byteOffset, length } = read.value;
    chunks.push(
      new Uint8Array(structuredClone(buffer as ArrayBuffer, { transfer: [buffer as ArrayBuffer] }), byteOffset, length),
    );
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

for (const version of ["1.1", "2"] as const) {
  for (const how of ["streamed", "with a length"] as const) {
    test(`HTTP/${version}: chunks of request.body and response.body, ${how}, may be transferred without harm to what comes`, async () => {
      const body = () => how === "streamed" ? pieces() : sent;
      const received: Uint8Array[] = [];
      const server = serve({ hostname: "127.0.0.1", port: 0, http2: { h2c: true } }, async (request) => {
        received.push(await transferred(request.body!));
        return new Response(body());
      });
      const [address] = await server.listening;
      const client = new Client({ http2: { h2c: version === "2" } });
      for (let round = 0; round < 2; round++) {
        const init = { method: "POST", body: body(), duplex: "half" } as const;
        const response = await client.fetch(`http://127.0.0.1:${address!.port}/`, init);
        assertEquals(await transferred(response.body!), sent);
      }
      assertEquals(received, [sent, sent]);
      assertEquals(client.connections, 1);
      await client.close();
      await server.shutdown();
    });
  }
}
