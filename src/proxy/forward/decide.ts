/**
 * From rules to a decision. Twice: for what a client asks for, before anything is looked up, and for each address that its
 * name leads to. What denies comes first, then the function of the user, then what allows; all else is denied.
 *
 * @module
 */

import { formatIp, type IpAddress } from "../../bytes/ip_address.ts";
import type { ProxyError } from "../proxy_status.ts";
import { addressClass } from "./address_class.ts";
import { authorityText, type Host } from "./host.ts";
import {
  type AddressSet,
  allowsAddress,
  covers,
  coversAny,
  coversMessage,
  deniesAddress,
  includesAddress,
  looksAtMessages,
  type Question,
  type ReadRule,
} from "./rule.ts";

/** The rules of a proxy, read. */
export interface Rules {
  readonly allow: readonly ReadRule[];
  readonly deny: readonly ReadRule[];
}

/** What comes of a question. */
export type Decision = Allowed | Denied;

/** It may go on. */
export interface Allowed {
  readonly type: "allowed";
  /** The name of the rule. */
  readonly by: string;
  /** Where its name may lead besides public addresses. */
  readonly addresses: AddressSet;
}

/** It may not. */
export interface Denied {
  readonly type: "denied";
  /** The name of the rule, or of what takes its place. */
  readonly by: string;
  /** What Proxy-Status calls it. */
  readonly error: ProxyError;
  /** For people. */
  readonly message: string;
}

/** What names the decision when no rule has said a word. */
export const DEFAULT_RULE = "default";
/** What names that of the function of the user. */
export const DECIDE = "decide";

/** Whether a rule denies what is asked for; the first one that does. */
export function deniedBy({ deny }: Rules, question: Question): Denied | null {
  const rule = deny.find((rule) => coversAny(rule, question));
  return rule === undefined
    ? null
    : denied(rule.name, place(question), `the rule ${JSON.stringify(rule.name)} denies it`);
}

/** The first rule that allows it, or a refusal. */
export function allowedBy({ allow }: Rules, question: Question): Decision {
  const rule = allow.find((rule) => covers(rule, question));
  if (rule !== undefined) return { type: "allowed", by: rule.name, addresses: rule.addresses };
  return denied(DEFAULT_RULE, place(question), "no rule allows it");
}

/**
 * Whether an address may be connected to.
 *
 * @param question What led to it; already allowed.
 * @param allowed By what.
 */
export function decideAddress(rules: Rules, question: Question, allowed: Allowed, address: IpAddress): Decision {
  for (const rule of rules.deny) {
    if (!deniesAddress(rule, address, question)) continue;
    const why = `the rule ${JSON.stringify(rule.name)} denies it`;
    return denied(rule.name, placeAt(question, address), why, "destination_ip_prohibited");
  }
  const kind = addressClass(address);
  if (kind === "public" || includesAddress(allowed.addresses, address)) return allowed;
  for (const rule of rules.allow) {
    if (allowsAddress(rule, address, question)) return allowed;
  }
  const why = `no rule names this address, which is ${kind}`;
  return denied(kind, placeAt(question, address), why, "destination_ip_prohibited");
}

/** Where a question leads by one of its addresses, for people. */
function placeAt(question: Question, address: IpAddress): string {
  return question.host.type === "address" ? place(question) : `${place(question)} at ${formatIp(address)}`;
}

/**
 * The same text for questions whose methods and paths make no difference to `decideAddress()`: for those a connection that was opened
 * for another one will do.
 */
export function messageKey({ allow, deny }: Rules, question: Question): string {
  let key = "";
  for (const rule of deny) if (looksAtMessages(rule)) key += coversMessage(rule, question, "any") ? "-" : "o";
  for (const rule of allow) if (looksAtMessages(rule)) key += coversMessage(rule, question, "all") ? "+" : "o";
  return key;
}

/**
 * What rules say of a name where an address was asked for that they have allowed: a request inside of a tunnel to it, or its TLS,
 * asks for that name.
 */
export function decideName(rules: Rules, question: Question, allowed: Allowed, name: Host): Decision {
  const asked = { ...question, host: name };
  return deniedBy(rules, asked) ?? (allowed.by === DECIDE ? allowed : allowedBy(rules, asked));
}

/** A refusal in words. */
export function denied(by: string, where: string, why: string, error: ProxyError = "http_request_denied"): Denied {
  return { type: "denied", by, error, message: `This proxy does not lead to ${where}: ${why}` };
}

/** Where a question leads, for people. The path may hold secrets. */
export function place({ kind, host, port, method }: Question): string {
  const authority = authorityText(host, port);
  return kind === "tunnel" ? authority : `${authority} with ${method}`;
}
