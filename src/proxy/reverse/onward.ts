/**
 * From a client's request to the one that a server gets: target, fields, body, and what the program rewrites.
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import { type Field, Fields } from "../../semantics/fields.ts";
import { forwardsLeft } from "../max_forwards.ts";
import { viaField } from "../via.ts";
import { addForwarded, tellsOfClient, type Trust, trustOf } from "./forwarded.ts";
import { addCoding, addWebSocketKey } from "./translation.ts";
import type { FieldChanges, ReverseProxyOptions, RewriteOptions } from "./options.ts";
import { Relay, type RelayLimits } from "./relay.ts";
import { offeredOnward, onwardTarget, requestFields } from "./request_fields.ts";
import type { TimeLimit } from "../../duplex/time_limit.ts";
import type { UpstreamServer } from "./upstream.ts";
import type { Asking } from "./upstreams.ts";

/** Makes the requests for servers. */
export class Onward {
  readonly #name: string;
  readonly #forwarded: ReverseProxyOptions["forwarded"];
  readonly #trust: Trust;
  readonly #rewrite: RewriteOptions;
  readonly #paths: readonly (readonly [RegExp, string])[];
  readonly #changesHost: boolean;
  readonly #silence: TimeLimit;
  readonly #maxBytes: number;

  /** Reads the options once. */
  constructor(options: ReverseProxyOptions, name: string, silence: TimeLimit) {
    const { forwarded, rewrite = {}, changeOrigin, preserveHost = true, maxRequestBytes = Infinity } = options;
    this.#name = name;
    this.#forwarded = forwarded;
    this.#trust = trustOf(forwarded === false ? true : forwarded?.trust);
    this.#rewrite = rewrite;
    this.#paths = typeof rewrite.path === "object"
      ? Object.entries(rewrite.path).map(([found, to]) => [new RegExp(found), to] as const)
      : [];
    this.#changesHost = changeOrigin ?? !preserveHost;
    this.#silence = silence;
    this.#maxBytes = maxRequestBytes;
  }

  /**
   * The request for one server.
   *
   * @param onPause What is done when its body pauses too long.
   */
  requestTo(
    server: UpstreamServer,
    incoming: IncomingRequest,
    asking: Asking,
    onPause: RelayLimits["onPause"],
  ): OutgoingRequest {
    const { target, authority } = onwardTarget(incoming, server.basePath);
    const asked = authority ?? incoming.fields.get("host");
    const fields = this.#fields(server, incoming, asking, asked);
    const { body } = incoming;
    const bodied = body.framing.type !== "none" && body.length !== 0;
    const { route } = server;
    const path = this.#path(target, asking);
    return {
      method: incoming.method,
      target: route.forward ? `http://${route.host}${path}` : path,
      fields,
      body: bodied ? this.#body(incoming, onPause) : null,
      trailers: body.framing.type === "chunked" ? () => body.trailers : undefined,
      unannouncedTrailers: true,
    };
  }

  #path(target: string, { request, info }: Asking): string {
    const { path } = this.#rewrite;
    if (typeof path === "function") return path(target, request, info);
    for (const [found, to] of this.#paths) if (found.test(target)) return target.replace(found, to);
    return target;
  }

  #body(incoming: IncomingRequest, onPause: RelayLimits["onPause"]): OutgoingRequest["body"] {
    if (!this.#silence.set && this.#maxBytes === Infinity) return incoming.body;
    return new Relay(incoming.body, { silence: this.#silence, onPause, maxBytes: this.#maxBytes });
  }

  #fields(server: UpstreamServer, incoming: IncomingRequest, asking: Asking, asked: string | null): Field[] {
    const { info } = asking;
    const address = "hostname" in info.remote ? info.remote.hostname : null;
    const tells = this.#forwarded !== false;
    const drops = tells && !this.#trust(address ?? "", info) ? tellsOfClient : null;
    const host = this.#host(server, asking, asked);
    const protocols = offeredOnward(incoming.proposal);
    const going = { protocols, host: host === incoming.fields.get("host") ? null : host, drops };
    const { fields, host: found } = requestFields(incoming, going);
    if (found === null) fields.unshift(["Host", host]);
    addWebSocketKey(incoming, protocols, fields);
    countForward(incoming, fields);
    if (tells) {
      const proto = info.tls === null ? "http" : "https";
      addForwarded(fields, { address, host: asked ?? host, proto }, (this.#forwarded || undefined)?.style);
    }
    fields.push(viaField(incoming.version, this.#name));
    addCoding(incoming, fields);
    addProxyAuthorization(server, fields);
    const { headers } = this.#rewrite;
    return headers === undefined ? fields : changed(fields, headers, asking);
  }

  #host(server: UpstreamServer, { request, info }: Asking, asked: string | null): string {
    const { host } = this.#rewrite;
    const given = this.#changesHost ? server.host : asked ?? server.host;
    if (host === undefined) return given;
    return typeof host === "string" ? host : host(given, request, info);
  }
}

/** Where the way leads through an HTTP proxy that is asked itself, it may want credentials. */
function addProxyAuthorization({ route }: UpstreamServer, fields: Field[]): void {
  if (route.forward && route.proxy!.authorization !== null) {
    fields.push(["Proxy-Authorization", route.proxy!.authorization]);
  }
}

/** Max-Forwards goes on with one less (RFC 9110 §7.6.2). */
function countForward(incoming: IncomingRequest, fields: Field[]): void {
  const left = forwardsLeft(incoming);
  if (left === null) return;
  const at = fields.findIndex(([name]) => equalsIgnoringCase(name, "max-forwards"));
  if (at !== -1) fields[at] = [fields[at]![0], String(left - 1)];
}

/** What a program changes in fields, made last. */
export function changed(fields: Field[], changes: FieldChanges, { request, info }: Asking): Field[] {
  const made = new Fields(fields);
  if (typeof changes === "function") {
    changes(made, request, info);
  } else {
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) made.delete(name);
      else made.set(name, value);
    }
  }
  return [...made];
}
