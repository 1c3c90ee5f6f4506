/**
 * A server of gRPC on `serve()`, with texts as messages: what its authors' documents ask of HTTP/2, and no more.
 *
 * @module
 */

import type { ServeHandler } from "../../src/http/server/serve_options.ts";

/** What a call has come to. */
export class Status extends Error {
  /** gRPC's number; 0 is well. */
  readonly code: number;

  constructor(code: number, message = "") {
    super(message);
    this.code = code;
  }
}

/** A call. */
export interface Call {
  /** What the client sends. */
  readonly messages: AsyncIterable<string>;
  /** Its metadata, and gRPC's own fields. */
  readonly headers: Headers;
  /** Aborts when the client has given up. */
  readonly signal: AbortSignal;
  /** Metadata behind the messages. */
  readonly trailers: Record<string, string>;
}

/** Answers a call: the messages, one by one, or a status. What is thrown before the first is told without messages. */
export type Method = (call: Call) => AsyncIterable<string>;

/** A handler for `serve()`: methods by path. */
export function grpc(methods: Readonly<Record<string, Method>>): ServeHandler {
  return async (request, info) => {
    const method = methods[new URL(request.url).pathname];
    if (method === undefined) return only(new Status(12, "no such method"));
    const trailers: Record<string, string> = {};
    const { headers, signal } = request;
    const answers = method({ messages: messagesIn(request.body!), headers, signal, trailers })[Symbol.asyncIterator]();
    const failure = (error: unknown) => error instanceof Status ? error : new Status(2, `${error}`);
    const first = answers.next();
    // The head is not to wait for a first message that the client may be asked for: only an error that is there at once is alone.
    const early = await Promise.race([first.then(() => null, failure), turns(10)]);
    if (early !== null) return only(early);
    let status = new Status(0);
    let next: Promise<IteratorResult<string>> | null = first;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await (next ?? answers.next());
          next = null;
          if (!done) return controller.enqueue(framed(value));
        } catch (error) {
          status = failure(error);
        }
        controller.close();
      },
      async cancel() {
        await answers.return?.();
      },
    }, { highWaterMark: 0 });
    info.setTrailers(() => ({ ...trailers, ...fieldsOf(status) }));
    return new Response(body, { headers: { "content-type": "application/grpc", "x-initial": "first" } });
  };
}

async function turns(count: number): Promise<null> {
  for (let i = 0; i < count; i++) await null;
  return null;
}

function only(status: Status): Response {
  return new Response(null, { headers: { "content-type": "application/grpc", ...fieldsOf(status) } });
}

function fieldsOf({ code, message }: Status): Record<string, string> {
  return { "grpc-status": `${code}`, ...(message === "" ? {} : { "grpc-message": encodeURIComponent(message) }) };
}

/** Not compressed, its length, itself. */
function framed(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const message = new Uint8Array(5 + bytes.length);
  new DataView(message.buffer).setUint32(1, bytes.length);
  message.set(bytes, 5);
  return message;
}

async function* messagesIn(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  let kept: Uint8Array[] = [];
  let length = 0;
  const take = async (count: number): Promise<Uint8Array | null> => {
    while (length < count) {
      const { done, value } = await reader.read();
      if (done) return null;
      kept.push(value);
      length += value.length;
    }
    const all = new Uint8Array(await new Blob(kept as BlobPart[]).arrayBuffer());
    kept = [all.subarray(count)];
    length -= count;
    return all.subarray(0, count);
  };
  for (let head = await take(5); head !== null; head = await take(5)) {
    const message = await take(new DataView(head.buffer, head.byteOffset).getUint32(1));
    if (message === null) throw new Status(13, "half a message");
    yield new TextDecoder().decode(message);
  }
}
