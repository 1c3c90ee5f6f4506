/**
 * The `Request` that a handler gets: a light object that becomes a real one only when somebody needs that.
 *
 * Making a platform `Request` costs more than the rest of an exchange together, and most handlers ask for the method
 * and the URL only.
 *
 * @module
 */

import type { IncomingRequest } from "../../http1/incoming.ts";
import { standFor } from "../../http1/upgrade.ts";

/** What a light request knows of where it came from. */
export interface RequestOrigin {
  /** `http` or `https`, `://` and the host, for targets in origin-form. */
  readonly base: string;
}

/** Bytes of a path that need no normalizing: no dot segment can be made of them without a dot. */
const PLAIN_TARGET = /^\/(?:[A-Za-z0-9\-_~!$&()*+,;=:@/?]|\.(?=[A-Za-z0-9])|%(?!2[Ee]))*$/;

/**
 * See the module. `instanceof Request` holds. What only the platform can make of it, `clone()`, `blob()` and
 * `formData()` among them, is done with a real one that takes over the body.
 */
export class LightRequest {
  readonly #incoming: IncomingRequest;
  readonly #base: string;
  #url: string | null = null;
  #headers: Headers | null = null;
  #real: Request | null = null;

  /**
   * Makes one.
   *
   * @param incoming The request below.
   * @param base Scheme and host for targets in origin-form.
   */
  constructor(incoming: IncomingRequest, base: string) {
    this.#incoming = incoming;
    this.#base = base;
    standFor(this, incoming);
  }

  /** See `Request.method`. */
  get method(): string {
    return this.#incoming.method;
  }

  /** See `Request.url`. */
  get url(): string {
    return this.#url ??= urlOf(this.#incoming.target, this.#base);
  }

  /** See `Request.headers`. */
  get headers(): Headers {
    return this.#headers ??= new Headers([...this.#incoming.fields] as [string, string][]);
  }

  /** See `Request.signal`. */
  get signal(): AbortSignal {
    return this.#real?.signal ?? this.#incoming.signal;
  }

  /** See `Request.body`. */
  get body(): ReadableStream<Uint8Array> | null {
    if (this.#real !== null) return this.#real.body;
    return this.#incoming.body.framing.type === "none" ? null : this.#incoming.body.stream;
  }

  /** See `Request.bodyUsed`. */
  get bodyUsed(): boolean {
    if (this.#real !== null) return this.#real.bodyUsed;
    return this.#incoming.body.framing.type !== "none" && this.#incoming.body.used;
  }

  /** See `Request.bytes`. */
  async bytes(): Promise<Uint8Array> {
    if (this.#real !== null) return new Uint8Array(await this.#real.arrayBuffer());
    return await this.#consume();
  }

  /** See `Request.arrayBuffer`. */
  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#real !== null) return await this.#real.arrayBuffer();
    return new Uint8Array(await this.#consume()).buffer;
  }

  /** See `Request.text`. */
  async text(): Promise<string> {
    if (this.#real !== null) return await this.#real.text();
    return new TextDecoder().decode(await this.#consume());
  }

  /** See `Request.json`. */
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  /** See `Request.blob`. */
  blob(): Promise<Blob> {
    return this.#materialize().blob();
  }

  /** See `Request.formData`. */
  formData(): Promise<FormData> {
    return this.#materialize().formData();
  }

  /** See `Request.clone`. */
  clone(): Request {
    const clone = this.#materialize().clone();
    standFor(clone, this.#incoming);
    return clone;
  }

  /** A real request in place of this one; both share the body. */
  toRequest(): Request {
    return this.#materialize();
  }

  /** See `Request.cache`. */
  get cache(): RequestCache {
    return "default";
  }

  /** See `Request.credentials`. */
  get credentials(): RequestCredentials {
    return "same-origin";
  }

  /** See `Request.destination`. */
  get destination(): RequestDestination {
    return "";
  }

  /** See `Request.integrity`. */
  get integrity(): string {
    return "";
  }

  /** See `Request.keepalive`. */
  get keepalive(): boolean {
    return false;
  }

  /** See `Request.mode`. */
  get mode(): RequestMode {
    return "cors";
  }

  /** See `Request.redirect`. */
  get redirect(): RequestRedirect {
    return "follow";
  }

  /** See `Request.referrer`. */
  get referrer(): string {
    return "about:client";
  }

  /** See `Request.referrerPolicy`. */
  get referrerPolicy(): ReferrerPolicy {
    return "";
  }

  /** See `Request.duplex`. */
  get duplex(): "half" {
    return "half";
  }

  async #consume(): Promise<Uint8Array> {
    if (this.bodyUsed) throw new TypeError("Cannot read the body: it was used before");
    return await this.#incoming.body.bytes(Infinity);
  }

  #materialize(): Request {
    if (this.#real !== null) return this.#real;
    const { method, signal } = this.#incoming;
    const bodied = method !== "GET" && method !== "HEAD" ? this.body : null;
    const init = { method, headers: this.headers, body: bodied, signal, duplex: "half" };
    this.#real = new Request(this.url, init as RequestInit);
    standFor(this.#real, this.#incoming);
    return this.#real;
  }
}

Object.setPrototypeOf(LightRequest.prototype, Request.prototype);

/** The URL of a request-target, as the platform would spell it. */
function urlOf(target: string, base: string): string {
  if (PLAIN_TARGET.test(target)) return base + target;
  if (target === "*") return `${base}/*`;
  return new URL(target.charCodeAt(0) === 0x2f ? base + target : target).href;
}
