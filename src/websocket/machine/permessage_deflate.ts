/**
 * What the two ends agree on before they compress messages (RFC 7692 §7.1). Compresses nothing itself.
 *
 * @module
 */

import { checkInteger, checkOptions, checkString, type Kinds } from "../../bytes/arguments.ts";
import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
import { type Extension, readExtensions, writeExtension } from "./extensions.ts";

/** How messages are compressed, if the peer can. */
export interface DeflateOptions {
  /** Messages of the server do not refer to earlier ones, which saves both ends memory. False by default. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** Messages of the client do not refer to earlier ones. False by default. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** How far back the server refers, as a power of two: 8–15. 15 by default. */
  readonly serverMaxWindowBits?: number | undefined;
  /** How far back the client refers: 8–15. 15 by default. A server that asks for less declines clients that cannot. */
  readonly clientMaxWindowBits?: number | undefined;
  /** Messages of fewer bytes are sent as they are. 1024 by default, as `ws`. */
  readonly thresholdBytes?: number | undefined;
  /** zlib's level, 0–9. 1 by default: what comes next costs twice the time for a few per cent. */
  readonly level?: number | undefined;
}

/** How one end compresses. */
export interface DeflateDirection {
  /** Whether each message begins anew. */
  readonly noContextTakeover: boolean;
  /** How far back it refers, as a power of two: 8–15. */
  readonly windowBits: number;
}

/** What was agreed on. */
export interface DeflateAgreement {
  /** What the server sends. */
  readonly server: DeflateDirection;
  /** What the client sends. */
  readonly client: DeflateDirection;
}

/** An offer, or an answer. `clientWindowBits` is `true` where the parameter has no value. */
interface Parameters {
  readonly serverNoContext: boolean;
  readonly clientNoContext: boolean;
  readonly serverWindowBits: number | null;
  readonly clientWindowBits: number | true | null;
}

/** The name in the field. */
const PERMESSAGE_DEFLATE = "permessage-deflate";

const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

const DEFLATE: Kinds<DeflateOptions> = {
  serverNoContextTakeover: "boolean",
  clientNoContextTakeover: "boolean",
  serverMaxWindowBits: (value, name) => checkInteger(value, name, 8, 15),
  clientMaxWindowBits: (value, name) => checkInteger(value, name, 8, 15),
  thresholdBytes: "number",
  level: (value, name) => checkInteger(value, name, 0, 9),
};

/**
 * Refuses wrong options.
 *
 * @throws {TypeError} One of them is of another kind.
 * @throws {RangeError} A number is out of range.
 */
export function checkDeflateOptions(options: DeflateOptions, name = "options"): void {
  checkOptions(options, DEFLATE, name);
}

/** What a client offers. */
export function deflateOffer(options: DeflateOptions): string {
  checkDeflateOptions(options);
  const bits = options.clientMaxWindowBits ?? 15;
  const parameters: [string, string | true][] = [];
  if (options.serverNoContextTakeover === true) parameters.push(["server_no_context_takeover", true]);
  if (options.clientNoContextTakeover === true) parameters.push(["client_no_context_takeover", true]);
  if ((options.serverMaxWindowBits ?? 15) < 15) {
    parameters.push(["server_max_window_bits", String(options.serverMaxWindowBits)]);
  }
  parameters.push(["client_max_window_bits", bits < 15 ? String(bits) : true]);
  return writeExtension({ name: PERMESSAGE_DEFLATE, parameters });
}

/** What a server answers, and what that means. */
export interface AcceptedDeflate {
  /** For the response. */
  readonly field: string;
  /** What holds from then on. */
  readonly agreement: DeflateAgreement;
}

/**
 * Takes the first offer that a server can accept. Malformed ones, and those that it does not know all parameters of, are
 * passed over (RFC 7692 §5.1, §7.1).
 *
 * @param offers The value of the field in the request.
 * @param options What the server wants.
 */
export function acceptDeflate(offers: string, options: DeflateOptions): AcceptedDeflate | null {
  checkString(offers, "offers");
  checkDeflateOptions(options);
  for (const offer of readExtensions(offers) ?? []) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue;
    const parameters = readParameters(offer, "offer");
    const accepted = parameters === null ? null : answerToOffer(parameters, options);
    if (accepted !== null) return accepted;
  }
  return null;
}

function answerToOffer(offer: Parameters, options: DeflateOptions): AcceptedDeflate | null {
  const clientMax = options.clientMaxWindowBits ?? 15;
  if (clientMax < 15 && offer.clientWindowBits === null) return null;
  const clientOffered = typeof offer.clientWindowBits === "number" ? offer.clientWindowBits : 15;
  const server: DeflateDirection = {
    noContextTakeover: offer.serverNoContext || (options.serverNoContextTakeover ?? false),
    windowBits: Math.min(offer.serverWindowBits ?? 15, options.serverMaxWindowBits ?? 15),
  };
  const client: DeflateDirection = {
    noContextTakeover: offer.clientNoContext || (options.clientNoContextTakeover ?? false),
    windowBits: Math.min(clientOffered, clientMax),
  };
  const parameters: [string, string | true][] = [];
  if (server.noContextTakeover) parameters.push(["server_no_context_takeover", true]);
  if (client.noContextTakeover) parameters.push(["client_no_context_takeover", true]);
  // A client that has offered it learns that it was understood, also where it bounds nothing (RFC 7692 §7.1.2.1).
  if (offer.serverWindowBits !== null || server.windowBits < 15) {
    parameters.push(["server_max_window_bits", String(server.windowBits)]);
  }
  if (client.windowBits < 15) parameters.push(["client_max_window_bits", String(client.windowBits)]);
  return { field: writeExtension({ name: PERMESSAGE_DEFLATE, parameters }), agreement: { server, client } };
}

/**
 * What a server's answer means to the client.
 *
 * @param value The value of the field in the response.
 * @param options What the client had offered; `null` for nothing.
 * @returns The agreement; `null` if the server takes no extension.
 * @throws {WebSocketProtocolError} `handshake-extension`: it is malformed, or takes what was not offered.
 */
export function agreedDeflate(value: string, options: DeflateOptions | null): DeflateAgreement | null {
  if (options !== null) checkDeflateOptions(options);
  const extensions = readExtensions(value);
  if (extensions === null) throw refused("it is malformed");
  if (extensions.length === 0) return null;
  const [extension] = extensions as [Extension];
  if (extensions.length > 1 || extension.name !== PERMESSAGE_DEFLATE || options === null) {
    throw refused("it was not offered");
  }
  const answer = readParameters(extension, "answer");
  if (answer === null) throw refused("a parameter is malformed");
  const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = options;
  if (options.serverNoContextTakeover === true && !answer.serverNoContext) {
    throw refused("server_no_context_takeover is missing");
  }
  if ((answer.serverWindowBits ?? 15) > serverMaxWindowBits) {
    throw refused("server_max_window_bits is missing, or more than was offered");
  }
  const clientBits = answer.clientWindowBits as number | null;
  if ((clientBits ?? 0) > clientMaxWindowBits) throw refused("client_max_window_bits is more than was offered");
  return {
    server: { noContextTakeover: answer.serverNoContext, windowBits: answer.serverWindowBits ?? 15 },
    client: {
      noContextTakeover: answer.clientNoContext || options.clientNoContextTakeover === true,
      windowBits: Math.min(clientBits ?? 15, clientMaxWindowBits),
    },
  };
}

function refused(why: string): WebSocketProtocolError {
  return new WebSocketProtocolError(
    "handshake-extension",
    `Cannot take the extensions of the server: ${why}`,
    "RFC 6455 §4.1",
    1006,
  );
}

/** Each parameter once, each with the value that it may have (RFC 7692 §7.1), or `null`. */
function readParameters(extension: Extension, place: "offer" | "answer"): Parameters | null {
  const found = new Map(extension.parameters);
  if (found.size !== extension.parameters.length) return null;
  const {
    server_no_context_takeover,
    client_no_context_takeover,
    server_max_window_bits,
    client_max_window_bits,
    ...rest
  } = Object.fromEntries(found);
  if (Object.keys(rest).length > 0) return null;
  if ((server_no_context_takeover ?? true) !== true || (client_no_context_takeover ?? true) !== true) return null;
  if (server_max_window_bits !== undefined && !isWindowBits(server_max_window_bits)) return null;
  const bare = client_max_window_bits === true && place === "offer";
  if (client_max_window_bits !== undefined && !bare && !isWindowBits(client_max_window_bits)) return null;
  return {
    serverNoContext: server_no_context_takeover === true,
    clientNoContext: client_no_context_takeover === true,
    serverWindowBits: server_max_window_bits === undefined ? null : Number(server_max_window_bits),
    clientWindowBits: client_max_window_bits === undefined ? null : bare ? true : Number(client_max_window_bits),
  };
}

function isWindowBits(value: string | true): value is string {
  return value !== true && WINDOW_BITS.test(value);
}
