/**
 * The `Request` that a handler gets: a light object over the request that was received. `exchanges.ts` makes one for each
 * request; most handlers ask for the method and the URL only, and for those no `Request` of the platform is made.
 *
 * @module
 */

import { ownBytes } from "../../bytes/own_bytes.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { standFor, standIn } from "../../http1/stand_in.ts";
import { lengthOnce } from "../../semantics/fields.ts";
import { typedBlob } from "../typed_blob.ts";

/** The platform's class, also while the global one is another. */
export const PlatformRequest: typeof Request = Request;

/** Bytes of a path that need no normalizing: no dot segment can be made of them without a dot. */
const PLAIN_TARGET = /^\/(?:[A-Za-z0-9\-_~!$&()*+,;=:@/?]|\.(?=[A-Za-z0-9])|%(?!2[Ee]))*$/;

/** Whether the content of a message is shown. A `Request` of GET or HEAD has no body (Fetch standard), as in `Deno.serve()`. */
export function showsContent({ method }: { readonly method: string }): boolean {
  return method !== "GET" && method !== "HEAD";
}

/**
 * A request with the members of the platform's. `instanceof Request` holds. What only the platform can make of it,
 * `clone()` and `formData()`, is done with a real one that takes over the body.
 */
export class LightRequest {
  readonly #incoming: IncomingRequest;
  readonly #base: string;
  #url: string | null = null;
  #headers: Headers | null = null;
  /** The body as a stream, once it was asked for. */
  #stream: ReadableStream<Uint8Array> | null = null;
  #consumed = false;
  #real: Request | null = null;

  /** Makes one. `base` is for targets in origin-form: `http` or `https`, `://` and the host. */
  constructor(incoming: IncomingRequest, base: string) {
    this.#incoming = incoming;
    this.#base = base;
    standFor(this, incoming);
  }

  /**
   * What functions of the platform take in place of `input`, where that is a light request.
   *
   * @param withoutBody Whether its body is of no interest: it may have been used already.
   * @throws {TypeError} It is of interest, and was used or is being read.
   */
  static real<Input>(input: Input, withoutBody: boolean): Input | Request {
    if (typeof input !== "object" || input === null || !(#incoming in input)) return input;
    const light: LightRequest = input;
    if (withoutBody) return light.#make(null);
    light.#checkFree();
    return light.#materialize();
  }

  get method(): string {
    return this.#incoming.method;
  }

  get url(): string {
    return this.#url ??= urlOf(this.#incoming.target, this.#base);
  }

  get headers(): Headers {
    return this.#headers ??= headersOf(this.#incoming);
  }

  get signal(): AbortSignal {
    return this.#real?.signal ?? this.#incoming.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== null) return this.#real.body;
    if (this.#isNull) return null;
    if (this.#stream === null) {
      this.#stream = this.#incoming.body.stream;
      if (this.#consumed) this.#stream.getReader();
    }
    return this.#stream;
  }

  get bodyUsed(): boolean {
    if (this.#real !== null) return this.#real.bodyUsed;
    return !this.#isNull && this.#incoming.body.used;
  }

  async bytes(): Promise<Uint8Array> {
    return this.#real === null ? await this.#consume() : new Uint8Array(await this.#real.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#real === null ? (await this.#consume()).buffer : await this.#real.arrayBuffer();
  }

  async blob(): Promise<Blob> {
    return await typedBlob(await this.bytes(), this.headers);
  }

  async text(): Promise<string> {
    return this.#real === null ? new TextDecoder().decode(await this.#consume()) : await this.#real.text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async formData(): Promise<FormData> {
    this.#checkFree();
    return await this.#materialize().formData();
  }

  clone(): Request {
    this.#checkFree();
    const clone = this.#materialize().clone();
    standFor(clone, this.#incoming);
    return clone;
  }

  /** A real request in place of this one; both share the body. Frameworks that wrap requests ask for it. */
  toRequest(): Request {
    return this.#materialize();
  }

  get #isNull(): boolean {
    return this.#incoming.body.framing.type === "none" || !showsContent(this);
  }

  /** Reads the whole body, into memory that holds nothing else. */
  async #consume(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#isNull) return new Uint8Array(0);
    this.#checkFree();
    // A body that is read whole keeps its stream locked (Fetch standard, "fully read").
    this.#consumed = true;
    this.#stream?.getReader();
    return ownBytes(await this.#incoming.body.bytes(Infinity)) as Uint8Array<ArrayBuffer>;
  }

  #checkFree(): void {
    if (this.#real === null && (this.bodyUsed || this.#stream?.locked === true)) {
      throw new TypeError("Cannot use the body: it was used before");
    }
  }

  #materialize(): Request {
    if (this.#real !== null) return this.#real;
    this.#real = this.#make(this.body);
    standFor(this.#real, this.#incoming);
    return this.#real;
  }

  #make(body: ReadableStream<Uint8Array> | null): Request {
    const init = { method: this.method, headers: this.headers, body, signal: this.signal, duplex: "half" };
    return new PlatformRequest(this.url, init as RequestInit);
  }

  static {
    standIn(LightRequest, PlatformRequest, {
      real: (light) => light.#materialize(),
      constants: {
        cache: "default",
        credentials: "same-origin",
        destination: "",
        duplex: "half",
        integrity: "",
        keepalive: false,
        mode: "cors",
        redirect: "follow",
        referrer: "about:client",
        referrerPolicy: "",
      },
    });
  }
}

/**
 * The headers of a request. Several lines of cookies are one list (RFC 6265 §4.2.1), which Deno joins with commas; a length
 * that was said several times is one (RFC 9110 §8.6).
 */
function headersOf({ fields }: IncomingRequest): Headers {
  const headers = new Headers([...fields] as [string, string][]);
  const cookies = fields.getAll("cookie");
  if (cookies.length > 1) headers.set("cookie", cookies.join("; "));
  const length = headers.get("content-length");
  if (length?.includes(",")) headers.set("content-length", lengthOnce(length));
  return headers;
}

/** The URL of a request-target, as the platform would spell it. */
function urlOf(target: string, base: string): string {
  if (PLAIN_TARGET.test(target)) return base + target;
  if (target === "*") return `${base}/*`;
  return new URL(target.charCodeAt(0) === 0x2f ? base + target : target).href;
}
