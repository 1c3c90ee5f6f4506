/**
 * Whether a tunnel may begin as it does. A client whose tunnel may not is told by an alert of TLS, if it speaks that.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import { decideName } from "./decide.ts";
import type { Admitted } from "./gate.ts";
import { canonicalHost, type Host } from "./host.ts";
import { ACCESS_DENIED, type ClientHelloRules, inspect, objectionTo } from "./inspect.ts";
import type { Settings } from "./settings.ts";

/** A tunnel that has begun as it may, with its beginning in front. */
export interface Begun {
  readonly io: Upgraded;
  /** The name that its TLS asks for; `null` where it asks for none. */
  readonly name: string | null;
  /** Whether it is TLS. */
  readonly tls: boolean;
}

/** Reads what a tunnel begins with; `null` if that was not allowed, and the client was told so. */
export async function begin(
  client: Upgraded,
  { question, allowed }: Admitted,
  hello: ClientHelloRules,
  { settings: { rules }, clock }: { readonly settings: Settings; readonly clock: Clock },
): Promise<Begun | null> {
  const found = await inspect(client, hello.timeoutMs ?? 10_000, clock);
  const named = (host: Host): boolean => decideName(rules, question, allowed, host).type === "allowed";
  if (objectionTo(found.hello, question.host, hello, named) === null) {
    if (found.hello.type !== "hello") return { io: found.io, name: null, tls: false };
    const host = canonicalHost(found.hello.serverName ?? "");
    return { io: found.io, name: host?.type === "name" ? host.name : null, tls: true };
  }
  // It may have sent more than was read; what it is told must not be overtaken by a reset.
  if (found.hello.type === "hello") await client.write(ACCESS_DENIED);
  await client.closeWrite();
  client.close().catch(() => {});
  return null;
}
