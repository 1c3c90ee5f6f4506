/**
 * The options of a forward proxy, checked, read, and with their defaults filled in. Nothing that is wrong in them comes to
 * light later than here.
 *
 * @module
 */

import { checkObject, checkOptions, type Kinds, wrongType } from "../../bytes/arguments.ts";
import { isToken } from "../../bytes/ascii.ts";
import { checkClock } from "../../duplex/clock.ts";
import { checkTls } from "../../duplex/check_network.ts";
import { lookup } from "../platform.ts";
import type { Asked } from "./asked.ts";
import type { Rules } from "./decide.ts";
import type { Resolve } from "./destination.ts";
import { Doorkeeper } from "./identity.ts";
import { checkClientHello, type ClientHelloRules } from "./inspect.ts";
import { checkIntercept, type InterceptOptions } from "./intercept_options.ts";
import type { TunnelLimits } from "./limits.ts";
import type { ForwardProxyOptions } from "./options.ts";
import { checkRules, type ReadRule, readRule, type Rule } from "./rule.ts";
import { readUpstream } from "./proxy_chain.ts";

/** What holds for what is asked, until other options come. */
export interface Settings extends TunnelLimits {
  readonly rules: Rules;
  readonly decide: ForwardProxyOptions["decide"];
  readonly doorkeeper: Doorkeeper;
  /** The proxies on the way to what is asked for. */
  readonly upstream: (asked: Asked) => readonly string[];
  readonly maxTunnelBytes: number;
  readonly maxTunnelMs: number;
  readonly tunnelIdleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clientHello: ClientHelloRules | undefined;
  readonly intercept: (Omit<InterceptOptions, "hosts"> & { readonly rules: readonly ReadRule[] }) | null;
  readonly headers: ForwardProxyOptions["headers"];
  readonly responseTimeoutMs: number;
  readonly resolve: Resolve;
  readonly dial: ForwardProxyOptions["dial"];
}

const OPTIONS: Kinds<ForwardProxyOptions> = {
  allow: checkRules,
  deny: checkRules,
  decide: "function",
  auth: "object",
  upstream: "any",
  upstreamTls: checkTls,
  maxTunnels: "number",
  maxTunnelsPerClient: "number",
  maxTunnelBytes: "number",
  maxTunnelMs: "number",
  tunnelIdleTimeoutMs: "number",
  connectTimeoutMs: "number",
  clientHello: checkClientHello,
  intercept: checkIntercept,
  headers: "function",
  responseTimeoutMs: "number",
  audit: "function",
  resolve: "function",
  dial: "function",
  name: checkName,
  clock: checkClock,
};

function checkName(value: unknown, name: string): void {
  if (typeof value !== "string" || !isToken(value)) throw wrongType(name, "a token", value);
}

/**
 * Reads the options.
 *
 * @throws {TypeError} One is of another kind, or a rule cannot be read, or there is an option that does not exist: in a file
 * of rules that would be a misspelled one.
 * @throws {RangeError} A number is out of range.
 */
export function readSettings(options: ForwardProxyOptions): Settings {
  checkObject(options, "rules");
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, key)) {
      throw new TypeError(`Cannot use rules: there is no option ${JSON.stringify(key)}`);
    }
  }
  checkOptions(options, OPTIONS, "rules");
  return {
    rules: { allow: readRules(options.allow, "rules.allow"), deny: readRules(options.deny, "rules.deny") },
    decide: options.decide,
    doorkeeper: new Doorkeeper(options.auth ?? {}, "rules.auth"),
    upstream: readUpstreams(options.upstream),
    maxTunnels: options.maxTunnels ?? Infinity,
    maxTunnelsPerClient: options.maxTunnelsPerClient ?? Infinity,
    maxTunnelBytes: options.maxTunnelBytes ?? Infinity,
    maxTunnelMs: options.maxTunnelMs ?? 0,
    tunnelIdleTimeoutMs: options.tunnelIdleTimeoutMs ?? 300_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    clientHello: options.clientHello,
    intercept: readIntercept(options.intercept),
    headers: options.headers,
    responseTimeoutMs: options.responseTimeoutMs ?? 60_000,
    resolve: options.resolve ?? lookup,
    dial: options.dial,
  };
}

function readRules(rules: readonly Rule[] | undefined, place: string): ReadRule[] {
  return (rules ?? []).map((rule, i) => readRule(rule, `${place}[${i}]`));
}

function readIntercept(options: InterceptOptions | undefined): Settings["intercept"] {
  return options === undefined ? null : { ...options, rules: readRules(options.hosts, "rules.intercept.hosts") };
}

function readUpstreams(upstream: ForwardProxyOptions["upstream"]): Settings["upstream"] {
  if (typeof upstream === "function") {
    return (asked) => readUpstream(upstream(asked), "what upstream() returns");
  }
  const proxies = readUpstream(upstream, "rules.upstream");
  return () => proxies;
}
