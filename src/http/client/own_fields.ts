/**
 * The fields of a client's own, for requests that lack them. `Client` adds them: those that are the same for every URL
 * once, those that a function chooses for each URL.
 *
 * @module
 */

import { type Field, hasField } from "../../semantics/fields.ts";
import { checkHeaders } from "./check_options.ts";
import type { ClientOptions } from "./options.ts";
import { type ClientRequest, pairsOf, withDefaults } from "./request.ts";

/** Adds them. */
export class OwnFields {
  readonly #headers: ClientOptions["headers"];
  readonly #keepAlive: boolean;
  /** Those of every URL, unless a function chooses them. */
  readonly #defaults: readonly Field[];

  /** Of what the client was told. */
  constructor({ headers, keepAlive }: ClientOptions) {
    this.#headers = headers;
    this.#keepAlive = keepAlive !== false;
    this.#defaults = this.#completed(typeof headers === "function" ? undefined : headers);
  }

  /** What a proxy is told of the client. */
  get userAgent(): readonly Field[] {
    return this.#defaults.filter(([name]) => name.toLowerCase() === "user-agent");
  }

  /** Those that are the same for every URL go where the request's own go, and no farther. */
  withFixed(request: ClientRequest): ClientRequest {
    return typeof this.#headers === "function" ? request : withDefaults(request, this.#defaults);
  }

  /** Those that a function chooses are for this URL. */
  withChosen(request: ClientRequest): ClientRequest {
    const headers = this.#headers;
    if (typeof headers !== "function") return request;
    const chosen = headers(new URL(request.url));
    checkHeaders(chosen, "what headers() returns");
    return withDefaults(request, this.#completed(chosen));
  }

  #completed(headers: HeadersInit | undefined): Field[] {
    const fields = pairsOf(headers);
    if (!hasField(fields, "accept")) fields.push(["accept", "*/*"]);
    if (!hasField(fields, "user-agent")) fields.push(["user-agent", "http-upgrade"]);
    if (!this.#keepAlive && !hasField(fields, "connection")) fields.push(["connection", "close"]);
    return fields;
  }
}
