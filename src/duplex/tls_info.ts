/**
 * What a connection tells of its TLS: what was agreed on, and who the peer is. The adapters in `net/` make it, when it is
 * first asked for.
 *
 * @module
 */

/**
 * What is known of a connection's TLS, in the same shape on every runtime; `null` stands for what one does not tell. Look
 * while the connection is open: afterwards runtimes have forgotten the most.
 */
export interface TlsInfo {
  /** The protocol that ALPN agreed on, or `null`. */
  readonly alpn: string | null;
  /** The version: `TLSv1.2` or `TLSv1.3`. */
  readonly version: string | null;
  /** The cipher suite by the name that IANA has for it: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string | null;
  /** The name that the client has asked for (SNI, RFC 6066 §3); `null` as well when it asked for none, as with an address. */
  readonly serverName: string | null;
  /**
   * Whether the handshake has found the peer's certificate to come from a trusted authority. A server of this package
   * says `true` with `requireClientCert`, by its `caCerts`; without, it asks for no certificate and says `false`. A client
   * always says `true`: by its `caCerts` or the authorities of the runtime, and by the name. On a server of `node:https`
   * this is the socket's `authorized`: with `rejectUnauthorized: false` look at it before you believe the certificate.
   */
  readonly authorized: boolean | null;
  /**
   * The certificate that the peer has shown, the first of its chain. `null` as well when it has shown none. It is read
   * when this is first looked at, and kept.
   */
  readonly peerCertificate: PeerCertificate | null;
}

/** A peer's certificate (RFC 5280). */
export interface PeerCertificate {
  /** Whom it is about. Empty where only `subjectAltNames` say so. */
  readonly subject: DistinguishedName;
  /** Who has issued it. */
  readonly issuer: DistinguishedName;
  /** What else its subject is called: the place for host names, and for the identities of services. */
  readonly subjectAltNames: readonly SubjectAltName[];
  /** The SHA-256 of `raw`: 32 numbers of two hexadecimal digits in upper case, with colons between them. */
  readonly fingerprint256: string;
  /** When it begins to be valid. */
  readonly validFrom: Date;
  /** When it ceases to be. */
  readonly validTo: Date;
  /** The certificate itself, in DER. */
  readonly raw: Uint8Array;
}

/** The attributes of a name in the order of the certificate; one type may stand there several times. */
export type DistinguishedName = readonly NameAttribute[];

/** An attribute of a distinguished name. */
export interface NameAttribute {
  /** Its short name (RFC 4514 §3, and `emailAddress` `serialNumber` `SN` `GN` `title`), else its number: `2.5.4.97`. */
  readonly type: string;
  /** Its text, as it stands in the certificate: nothing is escaped. `null` when it is of no kind of text that one may use. */
  readonly value: string | null;
}

/** Another name of the subject (RFC 5280 §4.2.1.6). Names of other kinds are left out; they are in `raw`. */
export interface SubjectAltName {
  /** Its kind. */
  readonly type: "dns" | "email" | "uri" | "ip";
  /** As it stands in the certificate: nothing is escaped. Addresses as text: `10.0.0.1`, `2001:db8::1`. */
  readonly value: string;
}
