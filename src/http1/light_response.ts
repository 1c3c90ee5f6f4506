/**
 * A `Response` that makes no real one until it is touched. Handlers make it, `upgradeResponse()` too, and `http/server/`
 * sends it as it was given.
 *
 * @module
 */

import { checkInteger, checkObject, checkString, wrongType } from "../bytes/arguments.ts";
import { type Field, fieldPairs, hasField } from "../semantics/fields.ts";
import { headerLines } from "./header_lines.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import { standIn } from "./stand_in.ts";

/** The body of a {@linkcode LightResponse}: what `new Response()` takes. */
export type LightBody = ConstructorParameters<typeof Response>[0];

/** The platform's class, also while another one stands in its place (`http/server/global_response.ts`). */
export const PlatformResponse: typeof Response = Response;

const TEXT: Field = ["content-type", "text/plain;charset=UTF-8"];
/** Statuses that the platform refuses together with a body (Fetch standard, "null body status"). */
export const NO_BODY_STATUSES: readonly unknown[] = [204, 205, 304];
/** RFC 9112 §4: what the platform takes for a reason phrase. */
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Responses by the streams that were made for them. A program that holds only the stream still reads the response, which must not count
 * as let go of.
 */
const streaming: WeakMap<ReadableStream, LightResponse> = new WeakMap();

/**
 * A response that is sent as the message says: every field in its order and spelling, the body as it comes. Middleware can
 * read and change it, as any other response. `stream` gives the body to those who touch it.
 */
export let responseSending: (
  message: OutgoingResponse,
  stream: () => ReadableStream<Uint8Array> | null,
) => Response;

/**
 * A `Response` for handlers of `serve()` that is written as it was given, without
 * the cost of a platform `Response`. `instanceof Response` holds. A real `Response` is made when its body is touched, and a
 * `Headers` when its headers are.
 *
 * @example
 * ```ts
 * import { LightResponse } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const response: Response = LightResponse.of("hello", { headers: { "x-tag": "1" } });
 * assertEquals(response.headers.get("content-type"), "text/plain;charset=UTF-8");
 * assertEquals(await response.text(), "hello");
 * ```
 */
export class LightResponse {
  readonly #body: LightBody;
  readonly #init: ResponseInit | undefined;
  /** What is sent instead, where that was given as a message. */
  #message: OutgoingResponse | null = null;
  /** The headers, once they were touched; from then on also those of the real response. */
  #headers: Headers | null = null;
  #real: Response | null = null;
  #stream: (() => ReadableStream<Uint8Array> | null) | null = null;

  /**
   * Takes what `new Response()` takes.
   *
   * @param body The body.
   * @param init Status and headers.
   * @throws {TypeError} The init is of another kind; or there is a body, and the status is 204, 205 or 304.
   * @throws {RangeError} The status is not from 200 to 599.
   */
  constructor(body?: LightBody, init?: ResponseInit) {
    this.#body = body ?? null;
    this.#init = init ?? undefined;
    if (this.#init !== undefined) checkInit(this.#init, this.#body !== null);
  }

  /** The same as the constructor, typed as what it stands for. */
  static of(body?: LightBody, init?: ResponseInit): Response {
    return new LightResponse(body, init) as unknown as Response;
  }

  /** The message that was given, if its body is text, bytes or none and was not touched; else `null`. */
  static given(response: object): OutgoingResponse | null {
    if (!(#body in response) || response.#real !== null) return null;
    const message = response.#message;
    if (message !== null) return response.#headers === null ? message : { ...message, fields: response.#fields() };
    if (!response.#isPlain) return null;
    const body = response.#body as string | Uint8Array | null;
    const { status = 200, statusText = "" } = response.#init ?? {};
    return { status, reason: statusText === "" ? undefined : statusText, fields: response.#fields(), body };
  }

  /** The real response in place of `response`, or `response` where that is one. Its headers are those of `response`. */
  static real(response: Response): Response {
    return #body in response ? (response as unknown as LightResponse).#materialize() : response;
  }

  /** As given, or 200. */
  get status(): number {
    return this.#message?.status ?? this.#init?.status ?? 200;
  }

  /** As given, or empty. */
  get statusText(): string {
    return this.#message?.reason ?? this.#init?.statusText ?? "";
  }

  /** Whether the status is 200–299. */
  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  /** As given, with the content type of the body. What is changed in them is sent. */
  get headers(): Headers {
    if (this.#headers !== null) return this.#headers;
    const real = this.#isPlain ? this.#real : this.#materialize();
    return this.#headers = real?.headers ?? new Headers(this.#fields() as [string, string][]);
  }

  /**
   * A real response of the same content.
   *
   * @throws {TypeError} The body was used.
   */
  clone(): Response {
    const { status, statusText } = this;
    return new PlatformResponse(this.#materialize().clone().body, { status, statusText, headers: this.headers });
  }

  /** Whether the body has no type that only the platform knows, as that of a form, whose boundary it makes. */
  get #isPlain(): boolean {
    const body = this.#body;
    return body === null || typeof body === "string" || body instanceof Uint8Array;
  }

  #fields(): Field[] {
    if (this.#headers !== null) return headerLines(this.#headers);
    if (this.#message !== null) return [...fieldPairs(this.#message.fields ?? [])];
    const headers = this.#init?.headers;
    const fields = headers === undefined ? [] : headerLines(headers);
    if (typeof this.#body === "string" && (fields.length === 0 || !hasField(fields, "content-type"))) fields.push(TEXT);
    return fields;
  }

  #materialize(): Response {
    if (this.#real !== null) return this.#real;
    if (this.#message !== null) {
      const { status, statusText, headers } = this;
      const stream = this.#stream!();
      if (stream !== null) streaming.set(stream, this);
      return this.#real = new PlatformResponse(stream as BodyInit | null, { status, statusText, headers });
    }
    const init = this.#headers === null ? this.#init : { ...this.#init, headers: this.#headers };
    return this.#real = new PlatformResponse(this.#body, init);
  }

  static {
    responseSending = (message, stream) => {
      const light = new LightResponse();
      light.#message = message;
      light.#stream = stream;
      return light as unknown as Response;
    };
    standIn(LightResponse, PlatformResponse, {
      real: (light) => light.#materialize(),
      constants: { redirected: false, type: "default", url: "" },
    });
  }
}

/** What costs little is checked at once; the fields are when they are written. */
function checkInit(init: ResponseInit, hasBody: boolean): void {
  checkObject(init, "init");
  const { status, statusText, headers } = init;
  if (status !== undefined) checkInteger(status, "init.status", 200, 599);
  if (hasBody && NO_BODY_STATUSES.includes(status)) {
    throw new TypeError(`init.status must be one of a response that may have a body, not ${status}`);
  }
  if (statusText !== undefined) checkReason(statusText);
  if (headers !== undefined) checkObject(headers, "init.headers");
}

function checkReason(statusText: string): void {
  checkString(statusText, "init.statusText");
  if (!REASON_PHRASE.test(statusText)) throw wrongType("init.statusText", "a reason phrase", statusText);
}
