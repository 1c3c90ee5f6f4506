/**
 * A `Response` that costs nothing until somebody looks into it.
 *
 * On some runtimes making a platform `Response` takes as long as the rest of an exchange. A handler that answers with
 * text or bytes can answer with one of these: the server writes it as it was given.
 *
 * @module
 */

import { checkInteger, checkObject, checkString } from "../bytes/arguments.ts";

/** The body of a {@linkcode LightResponse}: whatever `new Response()` takes. */
export type LightBody = ConstructorParameters<typeof Response>[0];

/** What was given to the constructor, for as long as nobody has looked into the response. */
export interface GivenResponse {
  /** The body. */
  readonly body: string | Uint8Array | null;
  /** The status. */
  readonly status: number;
  /** The reason, or the registered phrase when empty. */
  readonly statusText: string;
  /** The field lines. */
  readonly headers: HeadersInit | undefined;
}

/**
 * See the module. `instanceof Response` holds; a real one is made when a property is touched, and used from then on.
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

  /** What was given, if that is text, bytes or nothing and nobody has looked into the response; else `null`. */
  static given(response: object): GivenResponse | null {
    if (!(#body in response) || response.#real !== null) return null;
    const body = response.#body;
    if (body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) return null;
    const init = response.#init;
    return {
      body: body as string | Uint8Array | null,
      status: init?.status ?? 200,
      statusText: init?.statusText ?? "",
      headers: init?.headers,
    };
  }

  /** The response that was made of `response`, or itself. */
  static real(response: Response): Response {
    return #body in response ? (response as unknown as LightResponse).#materialize() : response;
  }

  #materialize(): Response {
    return this.#real ??= new Response(this.#body, this.#init);
  }

  static {
    for (const name of ["body", "bodyUsed", "headers", "ok", "redirected", "status", "statusText", "type", "url"]) {
      const get = function (this: LightResponse): unknown {
        return Reflect.get(this.#materialize(), name);
      };
      Object.defineProperty(LightResponse.prototype, name, { get, configurable: true, enumerable: true });
    }
    for (const name of ["arrayBuffer", "blob", "bytes", "clone", "formData", "json", "text"]) {
      const value = function (this: LightResponse): unknown {
        const real = this.#materialize();
        return (Reflect.get(real, name) as () => unknown).call(real);
      };
      Object.defineProperty(LightResponse.prototype, name, { value, configurable: true, writable: true });
    }
    Object.setPrototypeOf(LightResponse.prototype, Response.prototype);
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
