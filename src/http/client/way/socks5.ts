/**
 * A tunnel through a SOCKS5 proxy (RFC 1928, RFC 1929). The proxy resolves the name. `connector.ts` calls it with a connection
 * to the proxy.
 *
 * @module
 */

import { concat } from "../../../bytes/concat.ts";
import { Upgraded } from "../../../http1/upgraded.ts";
import type { DuplexLike } from "../../../duplex/duplex.ts";
import type { HeldChannel } from "../../../duplex/held_channel.ts";
import { holdChannel } from "../../../duplex/hold_channel.ts";
import { TransportError, type TransportErrorCode } from "../../../errors/transport_error.ts";
import { parseIp } from "../../../bytes/ip_address.ts";
import type { DialAddress } from "../options.ts";
import type { ProxyServer } from "./proxy_rules.ts";

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const PASSWORD = 2;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** The replies of RFC 1928 §6 and what they mean here. */
const REPLIES: readonly (readonly [code: TransportErrorCode, text: string])[] = [
  ["refused", "it is granted"],
  ["unreachable", "general failure"],
  ["refused", "not allowed by its rules"],
  ["unreachable", "network unreachable"],
  ["unreachable", "host unreachable"],
  ["refused", "connection refused"],
  ["timeout", "TTL expired"],
  ["refused", "command not supported"],
  ["refused", "address type not supported"],
];

/**
 * Asks the proxy at the other end for a connection.
 *
 * @param io A connection to the proxy; aborted when this fails.
 * @returns The connection to the target. What came with the proxy's answer comes first.
 * @throws {TransportError} With `proxy`: it refused, cannot reach the target, or broke the protocol (`reset`). Without: the
 * connection to it failed.
 */
export async function socks5(
  io: DuplexLike,
  target: DialAddress,
  proxy: ProxyServer,
): Promise<Upgraded> {
  const channel = holdChannel(io);
  try {
    const answers = new Answers(channel, proxy);
    const withPassword = proxy.username.length > 0 || proxy.password.length > 0;
    const methods = withPassword ? [NO_AUTHENTICATION, PASSWORD] : [NO_AUTHENTICATION];
    await channel.write(Uint8Array.of(VERSION, methods.length, ...methods));
    const [version, method] = await answers.take(2);
    if (version !== VERSION) throw broken(proxy, "it does not speak version 5");
    if (method === PASSWORD && withPassword) await authenticate(channel, answers, proxy);
    else if (method !== NO_AUTHENTICATION) {
      throw refusal(proxy, "refused", "it wants other credentials");
    }
    await channel.write(Uint8Array.of(VERSION, CONNECT, 0, ...targetBytes(target)));
    const head = await answers.take(4);
    if (head[0] !== VERSION) throw broken(proxy, "it does not speak version 5");
    if (head[1] !== 0) throw refusal(proxy, ...(REPLIES[head[1]!] ?? (["refused", `reply ${head[1]}`] as const)));
    const length = head[3] === IPV4 ? 4 : head[3] === IPV6 ? 16 : head[3] === NAME ? (await answers.take(1))[0]! : -1;
    if (length === -1) throw broken(proxy, "its address is of no known kind");
    await answers.take(length + 2);
    return new Upgraded(io, answers.rest(), { protocol: null }, channel);
  } catch (error) {
    channel.abort(error);
    throw error;
  }
}

async function authenticate(
  channel: HeldChannel,
  answers: Answers,
  proxy: ProxyServer,
): Promise<void> {
  const { username: name, password } = proxy;
  if (name.length > 255 || password.length > 255) {
    throw new TypeError("Cannot use the credentials: more than 255 bytes");
  }
  await channel.write(Uint8Array.of(1, name.length, ...name, password.length, ...password));
  const [, status] = await answers.take(2);
  if (status !== 0) throw refusal(proxy, "refused", "it does not accept the credentials");
}

function targetBytes({ hostname, port }: DialAddress): number[] {
  const ip = parseIp(hostname);
  const host = ip === null ? [...new TextEncoder().encode(hostname)] : ip;
  if (ip === null && host.length > 255) throw new TypeError("Cannot use the host: more than 255 bytes");
  const address = ip === null ? [NAME, host.length, ...host] : [ip.length === 4 ? IPV4 : IPV6, ...host];
  return [...address, port >> 8, port & 0xff];
}

function refusal({ address }: ProxyServer, code: TransportErrorCode, text: string): TransportError {
  return new TransportError(code, `The SOCKS proxy ${address} refused: ${text} (RFC 1928)`, { proxy: address });
}

function broken({ address }: ProxyServer, why: string): TransportError {
  return new TransportError("reset", `Cannot use the SOCKS proxy ${address}: ${why} (RFC 1928)`, { proxy: address });
}

/** The proxy's answers. What comes behind them is kept: it is the target's. */
class Answers {
  readonly #channel: HeldChannel;
  readonly #proxy: ProxyServer;
  #held: Uint8Array = new Uint8Array(0);

  constructor(channel: HeldChannel, proxy: ProxyServer) {
    this.#channel = channel;
    this.#proxy = proxy;
  }

  async take(length: number): Promise<Uint8Array> {
    while (this.#held.length < length) {
      const chunk = await this.#channel.read();
      if (chunk === null) throw broken(this.#proxy, "it ended the connection");
      this.#held = concat([this.#held, chunk]);
    }
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  rest(): Uint8Array {
    return this.#held;
  }
}
