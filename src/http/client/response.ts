/**
 * The `Response` of a client: a light object over the message of the connection, read straight from there.
 *
 * @module
 */

import { concat } from "../../bytes/concat.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import type { IncomingBody } from "../../http1/incoming_body.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { type Coding, CodingError, decompress } from "../platform.ts";
import { trailerHeaders } from "../trailer_headers.ts";

/** A `Response`, and what the platform's class has no place for. */
export interface ClientResponse extends Response {
  /** The head as it came: every line in its order and spelling, also those that decoding makes untrue. */
  readonly head: ResponseHead;
  /** The fields behind the body. Resolves when the body was read to its end; a rejection needs no handler. */
  readonly trailers: Promise<Headers>;
}

/** What is known of a response beyond its message. */
export interface ResponseContext {
  /** Where it came from. */
  readonly url: URL;
  /** Whether redirects led there. */
  readonly redirected: boolean;
  /** Whether it answers a request that gets no body. */
  readonly bodiless: boolean;
  /** What is to be undone. */
  readonly codings: readonly Coding[];
  /** What the caller gives up with. */
  readonly signal: AbortSignal | undefined;
}

const decoder = new TextDecoder();

/** Makes a response of a message. */
export function clientResponse(incoming: IncomingResponse, context: ResponseContext): ClientResponse {
  return new LightClientResponse(incoming, context) as unknown as ClientResponse;
}

/** Whoever forgets a response cannot read its body any more: then its connection is free. */
const forgotten: FinalizationRegistry<IncomingBody> = new FinalizationRegistry((body) => {
  if (!body.used) body.cancel();
});

/**
 * See the module. `instanceof Response` holds; a real one is made for `clone()` and `formData()` only, and takes over the
 * body.
 */
class LightClientResponse {
  readonly #incoming: IncomingResponse;
  readonly #context: ResponseContext;
  #headers: Headers | null = null;
  #stream: ReadableStream<Uint8Array> | null = null;
  #real: Response | null = null;
  #consumed = false;

  constructor(incoming: IncomingResponse, context: ResponseContext) {
    this.#incoming = incoming;
    this.#context = context;
    if (incoming.body.over) return;
    // A 205 may be framed as if it had content. Nobody can read that.
    if (this.#isNull) incoming.body.cancel();
    else forgotten.register(this, incoming.body);
  }

  get head(): ResponseHead {
    return this.#incoming;
  }

  get trailers(): Promise<Headers> {
    return trailerHeaders(this.#incoming.body);
  }

  get status(): number {
    return this.#incoming.status;
  }

  get statusText(): string {
    return this.#incoming.reason;
  }

  get ok(): boolean {
    return this.#incoming.ok;
  }

  get redirected(): boolean {
    return this.#context.redirected;
  }

  get type(): ResponseType {
    return "basic";
  }

  get url(): string {
    const { href } = this.#context.url;
    const fragment = href.indexOf("#");
    return fragment === -1 ? href : href.slice(0, fragment);
  }

  get headers(): Headers {
    if (this.#headers === null) {
      this.#headers = new Headers([...this.#incoming.fields] as [string, string][]);
      if (this.#context.codings.length > 0) {
        this.#headers.delete("content-encoding");
        this.#headers.delete("content-length");
      }
    }
    return this.#headers;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== null) return this.#real.body;
    if (this.#isNull) return null;
    if (this.#stream === null) {
      this.#stream = this.#makeStream();
      if (this.#consumed) this.#stream.getReader();
    }
    return this.#stream;
  }

  get bodyUsed(): boolean {
    if (this.#real !== null) return this.#real.bodyUsed;
    return !this.#isNull && (this.#consumed || this.#incoming.body.used);
  }

  async bytes(): Promise<Uint8Array> {
    return this.#real === null ? await this.#consume() : new Uint8Array(await this.#real.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#real !== null) return await this.#real.arrayBuffer();
    return new Uint8Array(await this.#consume()).buffer;
  }

  async text(): Promise<string> {
    return this.#real === null ? decoder.decode(await this.#consume()) : await this.#real.text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    if (this.#real !== null) return await this.#real.blob();
    return new Blob([await this.#consume() as BlobPart], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    return await this.#materialize().formData();
  }

  clone(): Response {
    return this.#likeness(this.#materialize().clone());
  }

  get #isNull(): boolean {
    if (this.#context.bodiless) return true;
    const { status } = this.#incoming;
    return status === 101 || status === 204 || status === 205 || status === 304;
  }

  async #consume(): Promise<Uint8Array> {
    if (this.#isNull) return new Uint8Array(0);
    if (this.bodyUsed || this.#stream?.locked === true) throw new TypeError("Cannot read the body: it was used before");
    // Who reads a whole body keeps its stream locked (Fetch standard, "fully read").
    this.#consumed = true;
    this.#stream?.getReader();
    const { codings } = this.#context;
    try {
      if (codings.length === 0) return await this.#incoming.body.bytes(Infinity);
      const chunks: Uint8Array[] = [];
      for await (const chunk of this.#decoded()) chunks.push(chunk);
      return concat(chunks);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #makeStream(): ReadableStream<Uint8Array> {
    if (this.#context.codings.length > 0) return this.#decodedStream();
    const { body } = this.#incoming;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        let chunk: Uint8Array | null;
        try {
          chunk = await body.read();
        } catch (error) {
          throw this.#failure(error);
        }
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => body.cancel(reason),
    }, { highWaterMark: 0 });
  }

  #decodedStream(): ReadableStream<Uint8Array> {
    const chunks = this.#decoded();
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        let next: IteratorResult<Uint8Array>;
        try {
          next = await chunks.next();
        } catch (error) {
          throw this.#failure(error);
        }
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: async (reason) => {
        this.#incoming.body.cancel(reason);
        await chunks.return(undefined);
      },
    }, { highWaterMark: 0 });
  }

  #decoded(): AsyncGenerator<Uint8Array> {
    let chunks: AsyncIterable<Uint8Array> = this.#incoming.body;
    for (const coding of this.#context.codings) chunks = decompress(chunks, coding);
    return chunks as AsyncGenerator<Uint8Array>;
  }

  /** Who gave up hears their own reason. */
  #failure(error: unknown): unknown {
    const { signal } = this.#context;
    if (signal?.aborted === true) return signal.reason;
    this.#incoming.body.cancel(error);
    return error instanceof CodingError ? badCoding(error) : error;
  }

  #materialize(): Response {
    if (this.#real !== null) return this.#real;
    if (this.bodyUsed || this.#stream?.locked === true) throw new TypeError("Cannot use the body: it was used before");
    return this.#real = this.#likeness(new Response(this.body, { headers: this.headers }));
  }

  /** Says of a real response what its constructor does not take. */
  #likeness(real: Response): Response {
    for (const name of ["status", "statusText", "ok", "redirected", "type", "url"] as const) {
      Object.defineProperty(real, name, { value: this[name], configurable: true });
    }
    return real;
  }

  static {
    Object.setPrototypeOf(LightClientResponse.prototype, Response.prototype);
  }
}

/** As a server that breaks its own framing: the message came whole, and cannot be read. */
function badCoding(cause: CodingError): ProtocolError {
  const message = `Cannot decode the body: ${cause.message}`;
  return new ProtocolError("bad-content-coding", message, "RFC 9110 §8.4", 502, { cause });
}
