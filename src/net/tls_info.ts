/**
 * What a runtime's TLS socket tells, in our own shape. Adapters call it when it is first asked for.
 *
 * @module
 */

import type { PeerCertificate, TlsInfo } from "../duplex/tls_info.ts";
import { readCertificate, type X509 } from "./certificate.ts";

/**
 * As much as is asked of `tls.TLSSocket` and of `Bun.Socket`, in all versions: none of them has all of it. The socket of
 * a server of `node:https` on Bun has only `servername`.
 */
export interface TlsTeller {
  readonly servername?: string | false | null;
  getServername?(): unknown;
  getProtocol?(): unknown;
  getTLSVersion?(): unknown;
  getCipher?(): { readonly standardName?: unknown } | null | undefined;
  getPeerX509Certificate?(): X509 | undefined;
}

/**
 * Asks a socket.
 *
 * @param native The runtime's socket, or an object that tells nothing.
 * @param authorized Whether the handshake has checked the peer's certificate.
 * @param known The peer's certificate, where it is known from the session that was resumed.
 */
export function tlsInfo(
  native: TlsTeller,
  alpn: string | null,
  authorized: boolean | null,
  known: X509 | null = null,
): TlsInfo {
  let certificate: PeerCertificate | null | undefined;
  return {
    alpn,
    version: told(() => native.getProtocol?.() ?? native.getTLSVersion?.()),
    cipher: told(() => native.getCipher?.()?.standardName),
    serverName: told(() => native.servername ?? native.getServername?.()),
    authorized,
    get peerCertificate(): PeerCertificate | null {
      return certificate === undefined ? certificate = peerCertificate(native, known) : certificate;
    },
  };
}

/** Deno has functions that throw `ERR_NOT_IMPLEMENTED` (seen on 2.1). */
function told(ask: () => unknown): string | null {
  try {
    const answer = ask();
    return typeof answer === "string" && answer !== "" ? answer : null;
  } catch {
    return null;
  }
}

/** `null` as well for what is no certificate. */
function peerCertificate(native: TlsTeller, known: X509 | null): PeerCertificate | null {
  try {
    const certificate = native.getPeerX509Certificate?.() ?? known;
    return certificate === null ? null : readCertificate(certificate);
  } catch {
    return null;
  }
}
