/**
 * A light class in place of the global `Response`, for programs that say `new Response()` and are not to be changed.
 * `server.ts` asks for it while a server with `replaceGlobalResponse` runs.
 *
 * The platform copies what it is given, so that is done here too. What is not plain, and what is wrong, goes to the
 * platform's class at once: streams, forms, subclasses, and each init that would be refused.
 *
 * @module
 */

import { isToken } from "../../bytes/ascii.ts";
import { headerLines } from "../../http1/header_lines.ts";
import { type LightBody, LightResponse, NO_BODY_STATUSES, PlatformResponse } from "../../http1/light_response.ts";
import { type Field, hasField } from "../../semantics/fields.ts";
import { Replacement } from "./global_replacement.ts";

/** What the platform and the wire take alike. */
const PLAIN_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A status and fields that are copies. */
interface PlainInit {
  readonly status: number | undefined;
  readonly headers: Field[];
}

/** Stands in for the platform's class, with its prototype: `instanceof` holds for its responses and for light ones. */
const LightGlobal = function (body?: LightBody, init?: ResponseInit): object {
  const target: unknown = new.target;
  const light = target === LightGlobal ? lightOf(body, init) : null;
  return light ?? Reflect.construct(PlatformResponse, [body, init], new.target!);
};

Object.setPrototypeOf(LightGlobal, PlatformResponse);
Object.defineProperties(LightGlobal, {
  name: { value: "Response" },
  length: { value: 0 },
  prototype: { value: PlatformResponse.prototype, writable: false },
  json: { value: json, writable: true, configurable: true },
});

/** What `Response.json()` says it is: Bun names a charset. */
let jsonType: Field | null = null;

function typeOf({ headers }: Response): Field {
  return ["content-type", headers.get("content-type")!];
}

function json(data: unknown, init?: ResponseInit): Response {
  const plain = plainInit(init, true);
  if (plain === null) return PlatformResponse.json(data, init);
  const text: unknown = JSON.stringify(data);
  if (typeof text !== "string") return PlatformResponse.json(undefined); // throws
  if (!hasField(plain.headers, "content-type")) plain.headers.push(jsonType ??= typeOf(PlatformResponse.json(null)));
  return LightResponse.of(text, plain as ResponseInit);
}

function lightOf(body: LightBody | undefined, init: ResponseInit | undefined): LightResponse | null {
  const none = body === null || body === undefined;
  if (!none && typeof body !== "string" && !isPlainBytes(body)) return null;
  const plain = plainInit(init, !none);
  if (plain === null) return null;
  return new LightResponse(
    typeof body === "object" && body !== null ? new Uint8Array(body) : body,
    plain as ResponseInit,
  );
}

function isPlainBytes(body: unknown): body is Uint8Array<ArrayBuffer> {
  return body instanceof Uint8Array && body.buffer instanceof ArrayBuffer;
}

/** What an init says, or `null` if the platform is to read it. */
function plainInit(init: ResponseInit | null | undefined, bodied: boolean): PlainInit | null {
  if (init === undefined || init === null) return { status: undefined, headers: [] };
  if (typeof init !== "object") return null;
  const { headers, status, statusText } = init;
  if (statusText !== undefined && statusText !== "") return null;
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599)) return null;
  if (bodied && NO_BODY_STATUSES.includes(status)) return null;
  const lines = headers === undefined ? [] : plainLines(headers);
  return lines === null ? null : { status, headers: lines };
}

function plainLines(headers: HeadersInit): Field[] | null {
  if (headers instanceof Headers) return headerLines(headers);
  if (typeof headers !== "object" || headers === null) return null;
  if (Symbol.iterator in headers && !Array.isArray(headers)) return null;
  const lines: Field[] = [];
  for (const line of Array.isArray(headers) ? headers : Object.entries(headers)) {
    if (!Array.isArray(line) || line.length !== 2) return null;
    const [name, value] = line;
    if (typeof name !== "string" || typeof value !== "string" || !isToken(name) || !PLAIN_VALUE.test(value)) {
      return null;
    }
    lines.push([name, value]);
  }
  return lines;
}

const replacement = new Replacement("Response", LightGlobal as unknown as typeof Response);

/**
 * Puts the light class in place, until each caller has called what it got.
 *
 * @returns Ends it.
 */
export function replaceGlobalResponse(): () => void {
  return replacement.use();
}
