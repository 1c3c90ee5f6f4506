/**
 * The `Request` that a handler gets: a light object over the request that was received. `exchanges.ts` makes one for each
 * request; most handlers ask for the method and the URL only, and for those no `Request` of the platform is made.
 *
 * @module
 */

import type { IncomingRequest } from "../../http1/incoming.ts";
import { standFor, standIn } from "../../http1/stand_in.ts";

/** The platform's class, also while the global one is another. */
export const PlatformRequest: typeof Request = Request;

/** Bytes of a path that need no normalizing: no dot segment can be made of them without a dot. */
const PLAIN_TARGET = /^\/(?:[A-Za-z0-9\-_~!$&()*+,;=:@/?]|\.(?=[A-Za-z0-9])|%(?!2[Ee]))*$/;

/**
 * A request with the members of the platform's. `instanceof Request` holds. What only the platform can make of it,
 * `clone()`, `blob()` and `formData()`, is done with a real one that takes over the body.
 */
export class LightRequest {
  readonly #incoming: IncomingRequest;
  readonly #base: string;
  #url: string | null = null;
  #headers: Headers | null = null;
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
   * @throws {TypeError} It is, and was used.
   */
  static real<Input>(input: Input, withoutBody: boolean): Input | Request {
    if (typeof input !== "object" || input === null || !(#incoming in input)) return input;
    const light: LightRequest = input;
    if (withoutBody) return light.#make(null);
    if (light.bodyUsed) throw new TypeError("Cannot make a request of this one: its body was used");
    return light.#materialize();
  }

  get method(): string {
    return this.#incoming.method;
  }

  get url(): string {
    return this.#url ??= urlOf(this.#incoming.target, this.#base);
  }

  get headers(): Headers {
    return this.#headers ??= new Headers([...this.#incoming.fields] as [string, string][]);
  }

  get signal(): AbortSignal {
    return this.#real?.signal ?? this.#incoming.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== null) return this.#real.body;
    return this.#incoming.body.framing.type === "none" ? null : this.#incoming.body.stream;
  }

  get bodyUsed(): boolean {
    if (this.#real !== null) return this.#real.bodyUsed;
    return this.#incoming.body.framing.type !== "none" && this.#incoming.body.used;
  }

  async bytes(): Promise<Uint8Array> {
    return this.#real === null ? await this.#consume() : new Uint8Array(await this.#real.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#real === null ? new Uint8Array(await this.#consume()).buffer : await this.#real.arrayBuffer();
  }

  async text(): Promise<string> {
    return this.#real === null ? new TextDecoder().decode(await this.#consume()) : await this.#real.text();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  clone(): Request {
    const clone = this.#materialize().clone();
    standFor(clone, this.#incoming);
    return clone;
  }

  /** A real request in place of this one; both share the body. Frameworks that wrap requests ask for it. */
  toRequest(): Request {
    return this.#materialize();
  }

  async #consume(): Promise<Uint8Array> {
    if (this.bodyUsed) throw new TypeError("Cannot read the body: it was used before");
    return await this.#incoming.body.bytes(Infinity);
  }

  #materialize(): Request {
    if (this.#real !== null) return this.#real;
    const { method } = this.#incoming;
    this.#real = this.#make(method !== "GET" && method !== "HEAD" ? this.body : null);
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
      methods: ["blob", "formData"],
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

/** The URL of a request-target, as the platform would spell it. */
function urlOf(target: string, base: string): string {
  if (PLAIN_TARGET.test(target)) return base + target;
  if (target === "*") return `${base}/*`;
  return new URL(target.charCodeAt(0) === 0x2f ? base + target : target).href;
}
