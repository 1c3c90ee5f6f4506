/**
 * What a server is told of the client: X-Forwarded-For, -Host and -Proto, and Forwarded (RFC 7239). What a client says there
 * itself counts only if it is trusted.
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import type { Field } from "../../semantics/fields.ts";
import { inNetwork, type IpNetwork, parseIp, parseNetwork } from "../../bytes/ip_address.ts";
import type { ForwardedOptions } from "./options.ts";

/** The client, as this hop has seen it. */
export interface ClientFacts {
  /** Its address; `null` for a unix socket. */
  readonly address: string | null;
  /** The host that it asked for. */
  readonly host: string;
  /** How it came. */
  readonly proto: "http" | "https";
}

/** Whether what a peer says of those before it is believed. */
export type Trust = (address: string, info: ServeInfo) => boolean;

/** Reads whom the options trust. */
export function trustOf(trust: ForwardedOptions["trust"]): Trust {
  if (typeof trust === "function") return trust;
  if (trust === undefined || typeof trust === "boolean") return () => trust === true;
  const networks = trust.map((each) => parseNetwork(each)!);
  return (address) => isIn(address, networks);
}

function isIn(address: string, networks: readonly IpNetwork[]): boolean {
  const ip = parseIp(address);
  return ip !== null && networks.some((network) => inNetwork(ip, network));
}

/** Whether a field of this name tells of clients: a server would believe it. */
export function tellsOfClient(name: string): boolean {
  if (name.length === 9) return equalsIgnoringCase(name, "forwarded");
  return name.length > 12 && equalsIgnoringCase(name.slice(0, 12), "x-forwarded-");
}

/**
 * Adds what this hop knows.
 *
 * @param fields Those of the request, without what is not believed; changed.
 */
export function addForwarded(
  fields: Field[],
  { address, host, proto }: ClientFacts,
  style: ForwardedOptions["style"] = "x-forwarded",
): void {
  if (style !== "forwarded") {
    addElement(fields, "X-Forwarded-For", address ?? "unknown");
    addOnce(fields, "X-Forwarded-Host", host);
    addOnce(fields, "X-Forwarded-Proto", proto);
  }
  if (style !== "x-forwarded") addElement(fields, "Forwarded", forwardedElement({ address, host, proto }));
}

/** An element of Forwarded (RFC 7239 §4). */
export function forwardedElement({ address, host, proto }: ClientFacts): string {
  const node = address === null ? "unknown" : address.includes(":") ? `"[${address}]"` : address;
  return `for=${node};host="${host.replace(/["\\]/g, "\\$&")}";proto=${proto}`;
}

/** At the end of the last line of that name, so that the order of the hops is kept. */
function addElement(fields: Field[], name: string, element: string): void {
  for (let i = fields.length - 1; i >= 0; i--) {
    const [spelled, value] = fields[i]!;
    if (spelled.length !== name.length || !equalsIgnoringCase(spelled, name)) continue;
    fields[i] = [spelled, value === "" ? element : `${value}, ${element}`];
    return;
  }
  fields.push([name, element]);
}

/** The first hop has said it. */
function addOnce(fields: Field[], name: string, value: string): void {
  if (!fields.some(([spelled]) => spelled.length === name.length && equalsIgnoringCase(spelled, name))) {
    fields.push([name, value]);
  }
}
