/**
 * What a tunnel begins with, and whether that fits what was asked for. The bytes are read and kept: the target gets all of
 * them, if any.
 *
 * @module
 */

import { checkOneOf, checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { concat } from "../../bytes/concat.ts";
import { type Clock, Deadline } from "../../duplex/clock.ts";
import { Upgraded } from "../../http1/upgraded.ts";
import { ClientHelloReader, type Hello } from "./client_hello.ts";
import { canonicalHost, type Host } from "./host.ts";

/** What a tunnel may begin with besides TLS for the name that was asked for. Each is `"deny"` when left out. */
export interface ClientHelloRules {
  /** TLS that asks for no name. */
  readonly noName?: "allow" | "deny" | undefined;
  /**
   * TLS with ECH, in which another name may be hidden. The one outside is checked in any case. `"allow"` when left out:
   * browsers put it into every hello, mostly with nothing inside.
   */
  readonly encrypted?: "allow" | "deny" | undefined;
  /** Anything but TLS, and silence. */
  readonly notTls?: "allow" | "deny" | undefined;
  /** How long the hello is waited for, in milliseconds; then the tunnel counts as `notTls`. 10,000. */
  readonly timeoutMs?: number | undefined;
}

const KINDS: Kinds<ClientHelloRules> = {
  noName: checkVerdict,
  encrypted: checkVerdict,
  notTls: checkVerdict,
  timeoutMs: "number",
};

function checkVerdict(value: unknown, name: string): void {
  checkOneOf(value, name, ["allow", "deny"]);
}

/** Refuses what are no rules for the hello. */
export function checkClientHello(value: unknown, name: string): void {
  checkOptions(value as ClientHelloRules, KINDS, name);
}

/** The beginning of a tunnel, and the tunnel with that in front of it. */
export interface Inspected {
  readonly hello: Hello;
  readonly io: Upgraded;
}

/**
 * Reads the hello.
 *
 * @throws {TransportError} The client has cut the tunnel.
 */
export async function inspect(tunnel: Upgraded, timeoutMs: number, clock: Clock): Promise<Inspected> {
  const reader = new ClientHelloReader();
  const chunks: Uint8Array[] = [];
  let hello: Hello | null = null;
  let late = false;
  const deadline = new Deadline(clock);
  deadline.set(timeoutMs, () => {
    late = true;
    // Where a read cannot be taken back, the tunnel ends: nothing may be lost of it.
    if (!tunnel.withdrawRead()) tunnel.abort();
  });
  try {
    while (hello === null && !late) {
      const chunk = await tunnel.read();
      if (chunk === null) break;
      chunks.push(chunk);
      hello = reader.push(chunk);
    }
  } catch (error) {
    if (!late) throw error;
  } finally {
    deadline.stop();
  }
  return {
    hello: hello ?? { type: "not-tls" },
    io: new Upgraded(tunnel, concat(chunks), { protocol: null }),
  };
}

/** Why a hello does not fit what was asked for; `null` if it does. `named` says whether rules allow a name. */
export function objectionTo(
  hello: Hello,
  host: Host,
  rules: ClientHelloRules,
  named: (name: Host) => boolean,
): string | null {
  if (hello.type === "not-tls") return rules.notTls === "allow" ? null : "it does not begin with TLS";
  if (hello.encrypted && rules.encrypted === "deny") return "its TLS hides the name (ECH)";
  if (hello.serverName === null) return rules.noName === "allow" ? null : "its TLS asks for no name";
  const name = canonicalHost(hello.serverName);
  if (name === null || name.type === "address") return "its TLS asks for what is no name";
  // Where an address was asked for, the name is what the rules have not seen yet.
  const fits = host.type === "name" ? name.name === host.name : named(name);
  return fits ? null : `its TLS asks for ${name.name}`;
}

/** The alert that a client of TLS can show: access denied (RFC 8446 §6.2). */
export const ACCESS_DENIED: Uint8Array = Uint8Array.of(21, 3, 3, 0, 2, 2, 49);
