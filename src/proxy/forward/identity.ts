/**
 * Who asks, and whether they may: source addresses, Basic (RFC 7617), a token (RFC 6750), certificates. Nothing that is
 * compared here tells by its time how much of it was right.
 *
 * @module
 */

import { checkOptions, checkString, type Kinds, wrongType } from "../../bytes/arguments.ts";
import type { PeerCertificate, TlsInfo } from "../../duplex/tls_info.ts";
import type { Fields } from "../../semantics/fields.ts";
import { inNetwork, type IpNetwork, parseIp, parseNetwork } from "../../bytes/ip_address.ts";
import { Refusal } from "./refusal.ts";

/** Somebody who may ask. */
export interface Identity {
  /** What rules, limits and the audit call them. */
  readonly name: string;
  /** How that is known. */
  readonly by: "basic" | "bearer" | "certificate";
}

/** What a function of yours says of credentials: a name, `true` for the name that was given, else they are refused. */
export type Recognized = string | boolean | null | undefined;

/** Who may ask. Without `basic`, `bearer` and `certificate` they stay nameless. */
export interface ProxyAuth {
  /** What the proxy is called in the challenge of a 407. `proxy` when left out. */
  readonly realm?: string | undefined;
  /** Passwords by user, or a function that knows them. Compared in constant time here, and by yourself there. */
  readonly basic?:
    | Readonly<Record<string, string>>
    | ((user: string, password: string, client: string) => Recognized | Promise<Recognized>)
    | undefined;
  /** Recognizes the token of `Proxy-Authorization: Bearer`, and gives the name of whose it is. */
  readonly bearer?: ((token: string, client: string) => Recognized | Promise<Recognized>) | undefined;
  /**
   * Gives the name of whose certificate it is that a client has shown, with `tls: { requireClientCert: true }` of `serve()`.
   * Others are asked for credentials, if there are any that would do.
   */
  readonly certificate?:
    | ((certificate: PeerCertificate, client: string) => Recognized | Promise<Recognized>)
    | undefined;
  /** Addresses and networks that may ask at all. All when left out. */
  readonly sources?: readonly string[] | undefined;
}

const AUTH: Kinds<ProxyAuth> = {
  realm: "string",
  basic: checkBasic,
  bearer: "function",
  certificate: "function",
  sources: "strings",
};

function checkBasic(value: unknown, name: string): void {
  if (typeof value === "function") return;
  if (typeof value !== "object" || value === null) throw wrongType(name, "passwords by user, or a function", value);
  for (const [user, password] of Object.entries(value)) checkString(password, `${name}.${user}`);
}

/** Recognizes clients. */
export class Doorkeeper {
  readonly #auth: ProxyAuth;
  readonly #sources: readonly IpNetwork[] | null;
  readonly #challenges: readonly string[];

  /**
   * Reads who may ask.
   *
   * @throws {TypeError} An option is of another kind.
   */
  constructor(auth: ProxyAuth, name: string) {
    checkOptions(auth, AUTH, name);
    this.#auth = auth;
    this.#sources = auth.sources?.map((text, i) => {
      const network = parseNetwork(text);
      if (network === null) throw new TypeError(`${name}.sources[${i}] must be an address or a network`);
      return network;
    }) ?? null;
    const realm = `realm="${(auth.realm ?? "proxy").replaceAll(/["\\]/g, "\\$&")}"`;
    this.#challenges = [
      ...(auth.basic === undefined ? [] : [`Basic ${realm}, charset="UTF-8"`]),
      ...(auth.bearer === undefined ? [] : [`Bearer ${realm}`]),
    ];
  }

  /**
   * Who asks.
   *
   * @param client The address of the client.
   * @returns `null` where names are not asked for.
   * @throws {Refusal} They may not: 403, or 407 where credentials could help; or the promise rejects with it.
   */
  identify(client: string, fields: Fields, tls: TlsInfo | null): Identity | null | Promise<Identity | null> {
    this.#checkSource(client);
    const asks = this.#challenges.length > 0 || this.#auth.certificate !== undefined;
    return asks ? this.#identify(client, fields, tls) : null;
  }

  async #identify(client: string, fields: Fields, tls: TlsInfo | null): Promise<Identity | null> {
    if (this.#auth.certificate !== undefined) {
      const owner = await this.#owner(this.#auth.certificate, tls, client);
      if (owner !== null) return owner;
    }
    if (this.#challenges.length === 0) {
      if (this.#auth.certificate === undefined) return null;
      const message = "This proxy does not know the certificate of who asks";
      throw new Refusal("http_request_denied", message, { by: "auth" });
    }
    const [given, more] = fields.getAll("proxy-authorization");
    if (given === undefined) throw this.#challenge("This proxy wants to know who asks");
    const identity = more === undefined ? await this.#recognize(given, client) : null;
    if (identity === null) throw this.#challenge("This proxy does not know these credentials");
    return identity;
  }

  async #owner(
    recognize: NonNullable<ProxyAuth["certificate"]>,
    tls: TlsInfo | null,
    client: string,
  ): Promise<Identity | null> {
    // One that comes from no authority that is trusted was not checked, and says nothing.
    if (tls === null || tls.authorized !== true || tls.peerCertificate === null) return null;
    const name = tls.peerCertificate.subject.find(({ type }) => type === "CN")?.value ?? "";
    return named(await recognize(tls.peerCertificate, client), name, "certificate");
  }

  #checkSource(client: string): void {
    if (this.#sources === null) return;
    const address = parseIp(client);
    if (address !== null && this.#sources.some((network) => inNetwork(address, network))) return;
    throw new Refusal("http_request_denied", "This proxy does not serve the address that asks", { by: "sources" });
  }

  #challenge(message: string): Refusal {
    return new Refusal("http_request_denied", message, { status: 407, by: "auth", challenges: this.#challenges });
  }

  async #recognize(given: string, client: string): Promise<Identity | null> {
    const [, scheme, token] = /^([A-Za-z]+) +([A-Za-z0-9\-._~+/]+=*)$/.exec(given) ?? [];
    const { basic, bearer } = this.#auth;
    if (scheme?.toLowerCase() === "bearer" && bearer !== undefined) {
      return named(await bearer(token!, client), "bearer", "bearer");
    }
    if (scheme?.toLowerCase() !== "basic" || basic === undefined) return null;
    const credentials = basicCredentials(token!);
    if (credentials === null) return null;
    const { user, password } = credentials;
    const known = typeof basic === "function"
      ? await basic(user, password, client)
      : hasPassword(basic, user, password);
    return named(known, user, "basic");
  }
}

function named(known: Recognized, given: string, by: Identity["by"]): Identity | null {
  if (known === true) return given === "" ? null : { name: given, by };
  return typeof known === "string" && known !== "" ? { name: known, by } : null;
}

/** User and password in UTF-8; a user has no colon. */
function basicCredentials(token: string): { readonly user: string; readonly password: string } | null {
  let text: string;
  try {
    const bytes = Uint8Array.from(atob(token), (character) => character.charCodeAt(0));
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
  const colon = text.indexOf(":");
  return colon === -1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function hasPassword(passwords: Readonly<Record<string, string>>, user: string, password: string): boolean {
  const known = Object.hasOwn(passwords, user);
  // A user that is not known takes as long.
  return equalsInConstantTime(password, known ? passwords[user]! : "\0 no password") && known;
}

/** Compares texts in a time that depends on the given one only. */
export function equalsInConstantTime(given: string, expected: string): boolean {
  const encoder = new TextEncoder();
  const [a, b] = [encoder.encode(given), encoder.encode(`${expected}\0`)];
  let difference = a.length ^ (b.length - 1);
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i % b.length]!;
  return difference === 0;
}
