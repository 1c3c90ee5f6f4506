/**
 * Which tunnels are looked into, and with what certificates.
 *
 * @module
 */

import { checkFunction, checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { checkTls } from "../../duplex/check_network.ts";
import type { TlsOptions } from "../../duplex/tls_options.ts";
import { serverChannels, type ServerTrace } from "../../http/server/server_trace.ts";
import type { Asked } from "./asked.ts";
import { checkRules, type Rule } from "./rule.ts";

/** A certificate chain and its key, PEM. */
export interface Certificate {
  /** The chain, the leaf first. */
  readonly cert: string;
  /** The key of the leaf, not encrypted. */
  readonly key: string;
}

/** Which tunnels are looked into, and how. */
export interface InterceptOptions {
  /** Rules for the tunnels. They must be allowed besides. */
  readonly hosts: readonly Rule[];
  /** The certificate that the client is to trust for a name. Asked for each tunnel: keep what is dear to make. */
  readonly certificateFor: (name: string, asked: Asked) => Certificate | Promise<Certificate>;
  /** TLS with origins: authorities to trust, a certificate for them. */
  readonly tls?: TlsOptions | undefined;
  /** Told of what happens inside of these tunnels, as the option of `serve()`. */
  readonly trace?: ServerTrace | undefined;
}

const KINDS: Kinds<InterceptOptions> = {
  hosts: checkRules,
  certificateFor: checkFunction,
  tls: checkTls,
  trace: (value, name) => serverChannels.check(value, name),
};

/** Refuses what cannot be used. */
export function checkIntercept(value: unknown, name: string): void {
  checkOptions(value as InterceptOptions, KINDS, name);
  const { hosts, certificateFor } = value as InterceptOptions;
  checkRules(hosts, `${name}.hosts`);
  checkFunction(certificateFor, `${name}.certificateFor`);
}
