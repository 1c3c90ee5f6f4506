/**
 * The `Response` of a client: a light object over the message of the connection, whose body is read straight from there.
 * `Client` makes one for each answer that the caller gets, a proxy's refusal among them; `codings.ts` decodes.
 *
 * @module
 */

import { concat } from "../../bytes/concat.ts";
import { ownBytes } from "../../bytes/own_bytes.ts";
import { chunkStream } from "../../duplex/chunk_stream.ts";
import { Lull } from "../../duplex/soon.ts";
import { StateError } from "../../errors/state_error.ts";
import { abandonRequest, type IncomingResponse, maySend } from "../../http1/incoming.ts";
import { type IncomingBody, isReadToEnd, wholeBody } from "../../http1/incoming_body.ts";
import { standIn } from "../../http1/stand_in.ts";
import { lengthOnce } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import { type Coding, socketsPolled } from "../platform.ts";
import { trailerHeaders } from "../trailer_headers.ts";
import { typedBlob } from "../typed_blob.ts";
import { decoded, decodingFailure } from "./codings.ts";

/** A `Response`, and what the platform's class has no place for. */
export interface ClientResponse extends Response {
  /** The head as it came: every line in its order and spelling, also those that decoding makes untrue. */
  readonly head: ResponseHead;
  /** The fields behind the body. Resolves when the body was read to its end; a rejection needs no handler. */
  readonly trailers: Promise<Headers>;
}

/** What is known of a response beyond its message. */
interface ResponseContext {
  /** Where it came from. */
  readonly url: URL;
  /** Whether redirects led there. */
  readonly redirected: boolean;
  /** Whether it answers a request that gets no body. */
  readonly bodiless: boolean;
  /** What is to be undone. */
  readonly codings: readonly Coding[];
  /** Aborts when the caller gives up. */
  readonly signal: AbortSignal | undefined;
  /** The protocol that a stream of HTTP/2 has switched to. The 200 is said in the words of HTTP/1.1, as its request was. */
  readonly switchedTo?: string | null;
}

const decoder = new TextDecoder();
const POOLED: Promise<void> = Promise.resolve();

function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Makes a response of a message. */
export function clientResponse(incoming: IncomingResponse, context: ResponseContext): ClientResponse {
  return new LightClientResponse(incoming, context) as unknown as ClientResponse;
}

/** A URL as responses tell it. */
export function withoutFragment({ href }: URL): string {
  const fragment = href.indexOf("#");
  return fragment === -1 ? href : href.slice(0, fragment);
}

/** A response that may be forgotten, and its body. */
interface Young {
  readonly response: object;
  readonly body: IncomingBody;
}

/** Those that have just come: most are read at once, which costs less than to have the garbage collector tell of them. */
const young: Young[] = [];
const lull = new Lull(dropRead, registerUnread);

/** Frees the connection of a body, once the response that would give it out was let go of without being read. */
export function cancelWhenForgotten(response: object, body: IncomingBody): void {
  young.push({ response, body });
  lull.begin();
}

/** Whether some are left. */
function dropRead(): boolean {
  while (young.length > 0 && young[young.length - 1]!.body.used) young.pop();
  return young.length > 0;
}

function registerUnread(): void {
  for (const { response, body } of young) {
    if (!body.used) forgotten.register(response, body);
  }
  young.length = 0;
}

/** A response that the program has let go of cannot be read any more. Its connection is freed then. */
const forgotten: FinalizationRegistry<IncomingBody> = new FinalizationRegistry((body) => {
  if (!body.used) body.cancel();
});

/** `instanceof Response` holds. A real one is made for `clone()` and `formData()` only, and takes over the body. */
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
    // A 205 may be framed as if it had content, which cannot be read.
    if (this.#isNull) incoming.body.cancel();
    else cancelWhenForgotten(this, incoming.body);
  }

  get head(): ResponseHead {
    return this.#incoming;
  }

  get trailers(): Promise<Headers> {
    return trailerHeaders(this.#incoming.body);
  }

  get status(): number {
    return this.#switchedTo === null ? this.#incoming.status : 101;
  }

  get statusText(): string {
    return this.#incoming.reason;
  }

  get ok(): boolean {
    return this.#switchedTo === null && this.#incoming.ok;
  }

  get redirected(): boolean {
    return this.#context.redirected;
  }

  get type(): ResponseType {
    return "basic";
  }

  get url(): string {
    return withoutFragment(this.#context.url);
  }

  get headers(): Headers {
    if (this.#headers === null) {
      this.#headers = new Headers([...this.#incoming.fields] as [string, string][]);
      if (this.#context.codings.length > 0) {
        this.#headers.delete("content-encoding");
        this.#headers.delete("content-length");
      }
      const length = this.#headers.get("content-length");
      if (length?.includes(",")) this.#headers.set("content-length", lengthOnce(length));
      if (this.#switchedTo !== null) {
        this.#headers.set("connection", "Upgrade");
        this.#headers.set("upgrade", this.#switchedTo);
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
    return this.#real === null ? await this.#consume(ownBytes) : new Uint8Array(await this.#real.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return await (this.#real?.arrayBuffer() ?? this.#consume((bytes) => new Uint8Array(bytes).buffer));
  }

  text(): Promise<string> {
    return this.#real?.text() ?? this.#consume(decode);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    return await typedBlob(await this.bytes(), this.headers);
  }

  async formData(): Promise<FormData> {
    return await this.#materialize().formData();
  }

  clone(): Response {
    return this.#likeness(this.#materialize().clone());
  }

  get #isNull(): boolean {
    if (this.#context.bodiless) return true;
    const { status } = this;
    return status === 101 || status === 204 || status === 205 || status === 304;
  }

  get #switchedTo(): string | null {
    return this.#context.switchedTo ?? null;
  }

  /** Reads the whole body and makes something of it. */
  async #consume<T>(make: (bytes: Uint8Array) => T): Promise<T> {
    if (this.#isNull) return make(new Uint8Array(0));
    if (this.bodyUsed || this.#stream?.locked === true) throw new TypeError("Cannot read the body: it was used before");
    // A body that is read whole keeps its stream locked (Fetch standard, "fully read").
    this.#consumed = true;
    this.#stream?.getReader();
    const { codings } = this.#context;
    let bytes: Uint8Array;
    try {
      const read = codings.length === 0 ? wholeBody(this.#wanted, Infinity) : this.#decodeAll();
      // Before the caller goes on, the connection is in the pool again, also if nothing had to be waited for.
      if (!(read instanceof Promise)) await POOLED;
      bytes = read instanceof Promise ? await read : read;
    } catch (error) {
      throw this.#failure(error);
    }
    return make(bytes);
  }

  /**
   * The body, which is not to be decoded. What is not read when the signal aborts is not read any more, also if all of it has come:
   * the stream of a response fails as long as it is not closed (Fetch standard, "abort a fetch() call"). Decoding fails by itself.
   *
   * @throws {unknown} The reason of the signal.
   */
  get #wanted(): IncomingBody {
    const { signal } = this.#context;
    const { body } = this.#incoming;
    if (signal?.aborted === true && !isReadToEnd(body)) throw signal.reason;
    return body;
  }

  async #decodeAll(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    const { codings, signal } = this.#context;
    for await (const chunk of decoded(this.#incoming.body, codings, signal)) chunks.push(chunk);
    return concat(chunks);
  }

  #makeStream(): ReadableStream<Uint8Array> {
    const { body } = this.#incoming;
    const { codings, signal } = this.#context;
    const chunks = codings.length === 0 ? null : decoded(body, codings, signal);
    const read = async (): Promise<Uint8Array | null> => {
      try {
        return chunks === null ? await this.#wanted.read() : (await chunks.next()).value ?? null;
      } catch (error) {
        throw this.#failure(error);
      }
    };
    return chunkStream(read, async (reason) => {
      // Behind the last bytes there may be more of what they are decoded to.
      const ended = chunks === null && isReadToEnd(body);
      body.cancel(reason);
      await Promise.all([chunks?.return(undefined), ended ? null : this.#endRequest(reason)]);
    });
  }

  /**
   * What is left of the request is not sent: a body that is canceled before its end aborts its fetch (Fetch standard, "HTTP-network
   * fetch", `cancelAlgorithm`). One that was read to its end has ended before, also if its reader was not told so yet.
   */
  async #endRequest(reason: unknown): Promise<void> {
    if (!maySend(this.#incoming)) return;
    // That the server has taken all of it may not be told yet, and its connection can be used again then.
    await socketsPolled();
    abandonRequest(this.#incoming, reason ?? new StateError("canceled", "The body of the response was canceled"));
  }

  /** A caller that gave up gets its own reason. What has come for it is dropped. */
  #failure(error: unknown): unknown {
    const { signal } = this.#context;
    const { body } = this.#incoming;
    if (signal?.aborted === true) {
      body.cancel(signal.reason);
      return signal.reason;
    }
    body.cancel(error);
    void this.#endRequest(error);
    return decodingFailure(error);
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
    standIn(LightClientResponse, Response, { real: (light) => light.#materialize() });
  }
}
