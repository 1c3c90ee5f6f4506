/**
 * The options of TLS: as a client, as a server, and where a plain connection turns into TLS.
 *
 * @module
 */

/** TLS as a client. */
export interface TlsOptions {
  /** The name asked for (SNI) and looked for in the certificate; the host connected to when left out. */
  readonly serverName?: string;
  /** Protocols offered through ALPN, the preferred one first. */
  readonly alpnProtocols?: readonly string[];
  /**
   * Certificates of the authorities to trust, PEM, instead of the built-in ones; besides them on Deno before 2.9.1, whose
   * own TLS cannot leave those out.
   */
  readonly caCerts?: readonly string[];
  /** This side's certificate chain, PEM, when the server asks for one. */
  readonly cert?: string;
  /** The key of `cert`, PEM, not encrypted. */
  readonly key?: string;
}

/** TLS as a server. */
export interface TlsServerOptions {
  /** The certificate chain, PEM, the leaf first. */
  readonly cert: string;
  /** The key of `cert`, PEM, not encrypted. */
  readonly key: string;
  /** Protocols accepted through ALPN, the preferred one first. */
  readonly alpnProtocols?: readonly string[];
  /** Certificates of the authorities that a client's certificate must come from, PEM. */
  readonly caCerts?: readonly string[];
  /** Whether a client without a certificate from `caCerts` is turned away. `false` when left out: none is asked for. */
  readonly requireClientCert?: boolean;
}

/** What `startTls()` takes: the role and what belongs to it. */
export type StartTlsOptions =
  & (
    | TlsOptions & {
      /** Which side of the handshake to play; the client when left out. */
      readonly isServer?: false;
    }
    | TlsServerOptions & {
      /** Which side of the handshake to play. */
      readonly isServer: true;
    }
  )
  & {
    /** Gives up the handshake and cuts the connection; `opened` rejects with its reason. */
    readonly signal?: AbortSignal;
  };
