/**
 * A `Response` that makes no real one until it is touched. Handlers make it, `upgradeResponse()` too, and `http/server/`
 * sends it as it was given.
 *
 * @module
 */

import { checkInteger, checkObject, checkString } from "../bytes/arguments.ts";
import { type Field, hasField } from "../semantics/fields.ts";
import { headerLines } from "./header_lines.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import { standIn } from "./stand_in.ts";

/** The body of a {@linkcode LightResponse}: what `new Response()` takes. */
export type LightBody = ConstructorParameters<typeof Response>[0];

const TEXT: Field = ["content-type", "text/plain;charset=UTF-8"];

/**
 * A `Response` for handlers of `serve()` that is written as it was given, without
 * the cost of a platform `Response`. `instanceof Response` holds. A real `Response` is made when a property is touched, and used from then on.
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
  #real: Response | null = null;

  /**
   * Takes what `new Response()` takes.
   *
   * @param body The body.
   * @param init Status and headers.
   * @throws {TypeError} The init is of another kind.
   * @throws {RangeError} The status is not from 200 to 599.
   */
  constructor(body?: LightBody, init?: ResponseInit) {
    if (init !== undefined) checkInit(init);
    this.#body = body ?? null;
    this.#init = init;
  }

  /** The same as the constructor, typed as what it stands for. */
  static of(body?: LightBody, init?: ResponseInit): Response {
    return new LightResponse(body, init) as unknown as Response;
  }

  /** The message that was given, if its body is text, bytes or none and nothing was touched; else `null`. */
  static given(response: object): OutgoingResponse | null {
    if (!(#body in response) || response.#real !== null) return null;
    const body = response.#body;
    if (body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) return null;
    const init = response.#init;
    const fields = init?.headers === undefined ? [] : headerLines(init.headers);
    if (typeof body === "string" && (fields.length === 0 || !hasField(fields, "content-type"))) fields.push(TEXT);
    const { status = 200, statusText = "" } = init ?? {};
    return { status, reason: statusText === "" ? undefined : statusText, fields, body };
  }

  /** The real response in place of `response`, or `response` where that is one. */
  static real(response: Response): Response {
    return #body in response ? (response as unknown as LightResponse).#materialize() : response;
  }

  #materialize(): Response {
    return this.#real ??= new Response(this.#body, this.#init);
  }

  static {
    standIn(LightResponse, Response, {
      real: (light) => light.#materialize(),
      getters: ["body", "bodyUsed", "headers", "ok", "redirected", "status", "statusText", "type", "url"],
      methods: ["arrayBuffer", "blob", "bytes", "clone", "formData", "json", "text"],
    });
  }
}

/** What costs little is checked at once; the fields are when they are written. */
function checkInit(init: ResponseInit): void {
  checkObject(init, "init");
  const { status, statusText, headers } = init;
  if (status !== undefined) checkInteger(status, "init.status", 200, 599);
  if (statusText !== undefined) checkString(statusText, "init.statusText");
  if (headers !== undefined) checkObject(headers, "init.headers");
}
