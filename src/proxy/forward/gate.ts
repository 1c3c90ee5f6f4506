/**
 * Everything between a request and the connection to its target: who asks, whether rules allow it, and the way there.
 * `tunnels.ts` and `requests.ts` call it.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import type { Clock } from "../../duplex/clock.ts";
import type { TimeLimit } from "../../duplex/time_limit.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { withinTime } from "../../http/client/way/connector.ts";
import type { RequestHead } from "../../semantics/message.ts";
import type { Asked, Verdict } from "./asked.ts";
import type { Exchange } from "./audit.ts";
import { type Allowed, allowedBy, DECIDE, decideAddress, denied, deniedBy, place } from "./decide.ts";
import { type Asker, dialAddress, dialAddresses, type Dialed, permittedAddresses } from "./destination.ts";
import { authorityOf, authorityText, canonicalHost, hostText } from "./host.ts";
import type { Identity } from "./identity.ts";
import { Refusal, refusalBy } from "./refusal.ts";
import { type Question, readAddresses } from "./rule.ts";
import type { Settings } from "./settings.ts";
import type { Upstreams } from "./proxy_chain.ts";

/** What was asked for, and who asks. */
export interface Asking {
  readonly question: Question;
  readonly asked: Asked;
}

/** Something that rules allow, and the way to it. */
export interface Admitted extends Asking {
  readonly allowed: Allowed;
  /** The proxies on the way. */
  readonly proxies: readonly string[];
}

/** The address that was written last, and how it was: many connections come from one client. */
let lastWritten = "";
let lastAddress = "";

/** The address of a client as rules and limits know it: an IPv4 address in IPv6 is one of IPv4. */
export function clientAddress({ remote }: Pick<ServeInfo, "remote">): string {
  if ("path" in remote) return "unix";
  const { hostname } = remote;
  if (hostname === lastWritten) return lastAddress;
  const host = canonicalHost(hostname);
  lastAddress = host === null ? hostname : hostText(host);
  lastWritten = hostname;
  return lastAddress;
}

/**
 * Reads where a request leads.
 *
 * @param authority The host, in any spelling, and the port.
 * @throws {Refusal} 400: it is no host.
 */
export function questionOf(
  authority: { readonly hostname: string; readonly port: number },
  about: Pick<Question, "kind" | "method" | "path" | "intercepted">,
  identity: Identity | null,
): Question {
  const host = canonicalHost(authority.hostname);
  if (host === null) {
    throw new Refusal("http_request_error", "This proxy cannot read the host that is asked for", { by: "host" });
  }
  const { kind, method, path, intercepted } = about;
  return { kind, method, path, intercepted, host, port: authority.port, identity: identity?.name ?? null };
}

/** What a function of the user gets to see. */
export function askedOf(question: Question, identity: Identity | null, client: string, head: RequestHead): Asked {
  const { kind, host, port, method, path } = question;
  const hostname = hostText(host);
  return {
    kind,
    authority: authorityOf(hostname, port),
    hostname,
    port,
    method,
    path,
    client,
    identity,
    head,
  };
}

/**
 * Asks the rules, and the function among them. A promise where that gives one.
 *
 * @throws {Refusal} They deny it; or the promise rejects with it.
 */
export function admit(asking: Asking, settings: Settings): Admitted | Promise<Admitted> {
  const { rules, decide } = settings;
  const denial = deniedBy(rules, asking.question);
  if (denial !== null) throw refusalBy(denial);
  const answer = decide?.(asking.asked);
  if (typeof answer !== "object" || !("then" in answer)) return judge(asking, answer, settings);
  return answer.then((verdict) => judge(asking, verdict, settings));
}

function judge({ question, asked }: Asking, verdict: Verdict, { rules, upstream }: Settings): Admitted {
  if (verdict === false || typeof verdict === "string") {
    throw refusalBy(denied(DECIDE, place(question), verdict || "it is denied"));
  }
  const decision = verdict === undefined ? allowedBy(rules, question) : allowing(verdict);
  if (decision.type === "denied") throw refusalBy(decision);
  // An address is checked whoever connects to it; the addresses of a name are when it is looked up.
  const { host } = question;
  const address = host.type === "name" ? decision : decideAddress(rules, question, decision, host.address);
  if (address.type === "denied") throw refusalBy(address);
  return { question, asked, allowed: decision, proxies: upstream(asked) };
}

function allowing(verdict: true | { readonly addresses: readonly string[] }): Allowed {
  const addresses = verdict === true ? [] : verdict.addresses;
  return { type: "allowed", by: DECIDE, addresses: readAddresses(addresses, "what decide() returns as addresses") };
}

/** What opens connections. */
export interface Ways {
  readonly settings: Settings;
  readonly upstreams: Upstreams;
  /** How long a connection to an address may take. */
  readonly connecting: TimeLimit;
  readonly clock: Clock;
}

/**
 * Connects to what was admitted: to one of its addresses that may be, or through proxies.
 *
 * @throws {Refusal} None of its addresses may be connected to, or it has none.
 * @throws {TransportError} There is no connection.
 */
export function reach(admitted: Way, ways: Ways, asker: Asker): Promise<Dialed> {
  const { question: { host, port }, proxies } = admitted;
  // The address was checked with the question. Nothing is looked up, and nothing races.
  const direct = host.type === "address" && proxies.length === 0 && ways.settings.dial === undefined;
  return direct ? dialAddress(host, port, ways.connecting, asker) : reachByName(admitted, ways, asker.signal);
}

type Way = Pick<Admitted, "question" | "allowed" | "proxies">;

async function reachByName(
  { question, allowed, proxies }: Way,
  { settings, upstreams, clock }: Ways,
  signal: AbortSignal,
): Promise<Dialed> {
  const { rules, resolve, dial } = settings;
  const where = authorityText(question.host, question.port);
  // The last proxy looks names up.
  if (proxies.length > 0) return await upstreams.dial(proxies, where, signal);
  return await withinSignal(where, settings, clock, signal, async (signal) => {
    const addresses = await permittedAddresses(question, rules, allowed, resolve, signal);
    return await dialAddresses(addresses, question.port, dial, clock, signal);
  });
}

async function withinSignal<T>(
  where: string,
  { connectTimeoutMs }: Settings,
  clock: Clock,
  signal: AbortSignal,
  open: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const unlisten = onAbort(signal, () => controller.abort(signal.reason));
  try {
    return await withinTime(where, { connectTimeoutMs, clock }, controller, open);
  } finally {
    unlisten();
  }
}

/** Tells the audit what a refusal says: who allowed it stays, if it was only that there is no way. */
export function noteRefusal({ known }: Exchange, { details: { by }, status }: Refusal): void {
  known.status = status;
  if (by === undefined) return;
  known.decision = "denied";
  known.rule = by;
}
