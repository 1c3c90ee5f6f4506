/**
 * From the runtimes' errors to {@linkcode TransportError}s. Transports call it for what fails on the way, `NetSocket` and
 * `networkOf()` for what cannot be opened.
 *
 * @module
 */

import { unsaidEnd } from "../duplex/tls_end.ts";
import { TransportError, type TransportErrorCode } from "../errors/transport_error.ts";

/** The codes of the system (Node, Bun, most of Deno). */
const CODE_OF_SYSTEM_CODE: Readonly<Record<string, TransportErrorCode>> = {
  ECONNREFUSED: "refused",
  ENOENT: "refused", // no unix socket at that path
  ENOTSOCK: "refused", // something else at that path
  EHOSTUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  EAI_FAIL: "unreachable",
  EAI_NONAME: "unreachable",
  EAI_NODATA: "unreachable",
  ETIMEDOUT: "timeout",
  ERR_SOCKET_CONNECTION_TIMEOUT: "timeout",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ENOTCONN: "reset",
  ERR_STREAM_DESTROYED: "closed",
  ERR_STREAM_WRITE_AFTER_END: "closed",
  ERR_STREAM_PREMATURE_CLOSE: "reset",
  ERR_SOCKET_CLOSED: "closed",
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: "closed",
  EADDRINUSE: "address",
  EADDRNOTAVAIL: "address",
  EACCES: "address",
  EPERM: "address",
  ENAMETOOLONG: "address",
  EAFNOSUPPORT: "address",
};

/** Deno's error classes, for errors that carry no code. */
const CODE_OF_NAME: Readonly<Record<string, TransportErrorCode>> = {
  ConnectionRefused: "refused",
  NotFound: "refused",
  ConnectionReset: "reset",
  ConnectionAborted: "reset",
  BrokenPipe: "reset",
  NotConnected: "reset",
  TimedOut: "timeout",
  AddrInUse: "address",
  AddrNotAvailable: "address",
  PermissionDenied: "address",
  NotCapable: "address", // Deno: without --allow-net for it
  HostUnreachable: "unreachable",
  NetworkUnreachable: "unreachable",
  InvalidData: "tls",
  BadResource: "closed",
  Interrupted: "closed",
};

/** OpenSSL's and Node's own codes for TLS, which are too many to list. */
const TLS_CODE =
  /^(?:ERR_(?:SSL|TLS|BORINGSSL|OSSL)|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH|EPROTO)/;
const TLS_TEXT = /\btls\b|\bssl\b|certificate|handshake|close_notify/i;

/** What was being done, for the message and for what the platform leaves unsaid. */
export type Doing = "connect" | "listen" | "handshake" | "read" | "write";

/** What stands between what was being done and the place. */
const PREPOSITION: Readonly<Record<Doing, string>> = {
  connect: "to",
  listen: "at",
  handshake: "with",
  read: "from",
  write: "to",
};

/**
 * Says what a platform's error means.
 *
 * @param error What the platform threw or told; a `TransportError` is returned as it is, unless a handshake was cut.
 * @param place Where: `host:port`, a path or a name; for the message.
 * @returns An error whose `cause` is the platform's.
 */
export function transportError(error: unknown, doing: Doing, place?: string): TransportError {
  if (error instanceof TransportError && !(doing === "handshake" && error.code === "reset")) return error;
  const { code, name, message } = Object(error) as { code?: unknown; name?: unknown; message?: unknown };
  const { library, reason } = Object(error) as { library?: unknown; reason?: unknown };
  const text = typeof message === "string" && message !== "" ? message : eachOf(error) ?? String(error);
  const what = place === undefined ? doing : `${doing} ${PREPOSITION[doing]} ${place}`;
  // Bun's messages do not always say why; its codes do.
  // OpenSSL's have lines of its source around the reason, and a line end.
  const said = typeof library === "string" && typeof reason === "string" ? reason : text;
  const why = typeof code === "string" && !said.includes(code) ? `${said} (${code})` : said;
  const made = new TransportError(codeOf(code, name, text, doing), `Cannot ${what}: ${why}`, { cause: error });
  // What Deno calls so comes of rustls only.
  return name === "UnexpectedEof" && made.code === "tls" && doing === "read" ? unsaidEnd(made) : made;
}

/** What each address of a name has come to: Node tries them all, and says nothing but that in an `AggregateError`. */
function eachOf(error: unknown): string | null {
  const { errors } = Object(error) as { errors?: unknown };
  if (!Array.isArray(errors) || errors.length === 0) return null;
  return errors.map((error) => String(Object(error).message ?? error)).join("; ");
}

function codeOf(code: unknown, name: unknown, text: string, doing: Doing): TransportErrorCode {
  if (doing === "handshake") return "tls";
  if (doing === "listen") return "address";
  if (typeof code === "string") {
    const known = CODE_OF_SYSTEM_CODE[code];
    if (known !== undefined) return known;
    if (TLS_CODE.test(code)) return "tls";
  }
  if (TLS_TEXT.test(text)) return "tls";
  const known = typeof name === "string" ? CODE_OF_NAME[name] : undefined;
  if (known !== undefined) return known;
  return doing === "connect" ? "unreachable" : "reset";
}
