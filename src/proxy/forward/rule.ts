/**
 * One rule: how it is written, and what it covers. `decide.ts` asks it. A rule that cannot be read fails when it is read,
 * so that none is wider than it looks.
 *
 * @module
 */

import { outOfRange, wrongType } from "../../bytes/arguments.ts";
import { inNetwork, type IpAddress, type IpNetwork, parseNetwork } from "../../bytes/ip_address.ts";
import { ADDRESS_CLASSES, type AddressClass, addressClass } from "./address_class.ts";
import { canonicalHost, type Host } from "./host.ts";
import { coversPath, type PathPattern, readPathPattern } from "./path_pattern.ts";

/**
 * A rule as it is written. A text is `host` or `host:port`:
 *
 * - `example.com`: this name. `*.example.com`: the names below it. `.example.com`: both. `*`: anything.
 * - `192.0.2.1`, `[2001:db8::1]`, `10.0.0.0/8`, `[fd00::]/8`: addresses.
 * - `:443`, `:8000-8999` behind it: these ports. Without: all ports.
 */
export type Rule = string | RuleInit;

/** A rule with more to say. All of it must hold. */
export interface RuleInit {
  /** What refusals and the audit call it; its hosts when left out. */
  readonly name?: string | undefined;
  /** One or several hosts, as in a text, each with or without a port. */
  readonly host: string | readonly string[];
  /** Ports, where the host has none: `443`, `"8000-8999"`, or several. */
  readonly port?: number | string | readonly (number | string)[] | undefined;
  /** Names of identities. Anyone who may ask when left out. */
  readonly identity?: string | readonly string[] | undefined;
  /** Methods of plain requests. A rule with methods or paths covers no tunnel but one that is intercepted. */
  readonly methods?: readonly string[] | undefined;
  /** Paths of plain requests: `/status` exactly, `/v1/*` and all that begins so. */
  readonly paths?: readonly string[] | undefined;
  /**
   * Where the hosts of an allowing rule may lead besides public addresses: addresses, networks, or classes (`loopback`,
   * `private`, `link-local`, `unique-local`, `metadata`, `multicast`, `unspecified`, `reserved`).
   */
  readonly addresses?: readonly string[] | undefined;
}

/** A rule that was read. */
export interface ReadRule {
  readonly name: string;
  readonly hosts: readonly HostPattern[];
  readonly identities: ReadonlySet<string> | null;
  readonly methods: ReadonlySet<string> | null;
  readonly paths: readonly PathPattern[] | null;
  readonly addresses: AddressSet;
}

/** Which hosts, and at which ports; `null` for all. */
interface HostPattern {
  readonly host:
    | { readonly type: "any" }
    | { readonly type: "name"; readonly name: string }
    | { readonly type: "below"; readonly suffix: string; readonly itself: string | null }
    | { readonly type: "network"; readonly network: IpNetwork };
  readonly ports: readonly PortRange[] | null;
}

interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Addresses that are let through beyond public ones. */
export interface AddressSet {
  readonly classes: ReadonlySet<AddressClass>;
  readonly networks: readonly IpNetwork[];
  /** The same for the same addresses. */
  readonly key: string;
}

/** What a rule is asked about. */
export interface Question {
  /** A tunnel, or a request whose method and path are seen. */
  readonly kind: "tunnel" | "request";
  readonly host: Host;
  readonly port: number;
  /** Whether the tunnel is one that is looked into. */
  readonly intercepted: boolean;
  /** The name of who asks. */
  readonly identity: string | null;
  readonly method: string;
  /** Path and query; `null` for a tunnel. */
  readonly path: string | null;
}

const KEYS: ReadonlySet<string> = new Set(
  ["name", "host", "port", "identity", "methods", "paths", "addresses"] satisfies (keyof RuleInit)[],
);

/** Refuses what is no list; its rules are checked when they are read. */
export function checkRules(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw wrongType(name, "an array of rules", value);
}

/**
 * Reads a rule.
 *
 * @param place What the caller knows it as, `rules.allow[0]`.
 * @throws {TypeError} It cannot be read, or has a property that rules do not have.
 */
export function readRule(rule: Rule, place: string): ReadRule {
  const init: RuleInit = typeof rule === "string" ? { host: rule } : rule;
  if (typeof init !== "object" || init === null) throw wrongType(place, "a text or an object", rule);
  for (const key of Object.keys(init)) {
    if (!KEYS.has(key)) throw new TypeError(`Cannot use ${place}: rules have no ${JSON.stringify(key)}`);
  }
  const hosts = textsOf(init.host, typeof rule === "string" ? place : `${place}.host`);
  if (hosts.length === 0) throw wrongType(`${place}.host`, "a host or several", init.host);
  const ports = init.port === undefined ? null : listOf(init.port).map((port) => readPorts(port, `${place}.port`));
  const { name = hosts.join(", ") } = init;
  if (typeof name !== "string" || name === "") throw wrongType(`${place}.name`, "a text", name);
  return {
    name,
    hosts: hosts.map((host) => readHostPattern(host, ports, place)),
    identities: setOf(init.identity, `${place}.identity`),
    methods: setOf(init.methods, `${place}.methods`),
    paths: init.paths === undefined
      ? null
      : textsOf(init.paths, `${place}.paths`).map((path) => readPathPattern(path, `${place}.paths`)),
    addresses: readAddresses(init.addresses, `${place}.addresses`),
  };
}

/** Reads which addresses are let through. */
export function readAddresses(texts: readonly string[] | undefined, place: string): AddressSet {
  const classes = new Set<AddressClass>();
  const networks: IpNetwork[] = [];
  for (const text of texts === undefined ? [] : textsOf(texts, place)) {
    const network = parseNetwork(text);
    if (network !== null) networks.push(network);
    else if ((ADDRESS_CLASSES as readonly string[]).includes(text)) classes.add(text as AddressClass);
    else throw unreadable(place, text, "an address, a network or a class of addresses");
  }
  return { classes, networks, key: (texts ?? []).join(" ") };
}

function readHostPattern(text: string, given: readonly PortRange[] | null, place: string): HostPattern {
  const { host, port } = splitPort(text);
  const ports = port === null ? given : port === "*" ? null : [readPorts(port, place)];
  const network = host.includes("/") ? parseNetwork(host) : null;
  if (network !== null) return { host: { type: "network", network }, ports };
  if (host === "*") return { host: { type: "any" }, ports };
  const below = /^\*?\./.exec(host)?.[0] ?? "";
  const read = canonicalHost(host.slice(below.length));
  if (read === null || (below !== "" && read.type === "address")) {
    throw unreadable(place, text, "a host, an address or a network, perhaps with a port");
  }
  if (read.type === "address") {
    return { host: { type: "network", network: { address: read.address, bits: read.address.length * 8 } }, ports };
  }
  if (below === "") return { host: read, ports };
  return { host: { type: "below", suffix: `.${read.name}`, itself: below === "." ? read.name : null }, ports };
}

/** Several colons without brackets are an IPv6 address without a port. */
function splitPort(text: string): { readonly host: string; readonly port: string | null } {
  const [, bracketed, plain, port] = /^(?:(\[[^\]]*\](?:\/\d+)?)|([^:]*)):([^:]*)$/.exec(text) ?? [];
  return port === undefined ? { host: text, port: null } : { host: bracketed ?? plain!, port };
}

function readPorts(port: number | string, place: string): PortRange {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(port)) ?? [];
  if (first === undefined) throw unreadable(place, String(port), "a port from 1 to 65535, or two with a hyphen");
  const [from, to] = [Number(first), Number(last ?? first)];
  if (from === 0 || to > 65_535 || from > to) throw outOfRange(place, "from 1 to 65535", from === 0 ? from : to);
  return { from, to };
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

function textsOf(value: unknown, place: string): readonly string[] {
  const texts = listOf(value);
  for (const text of texts) {
    if (typeof text !== "string" || text === "") throw wrongType(place, "a text or several", text);
  }
  return texts as readonly string[];
}

function setOf(value: unknown, place: string): ReadonlySet<string> | null {
  return value === undefined ? null : new Set(textsOf(value, place));
}

/** Rules are no secrets: who has written one wants to see which. */
function unreadable(place: string, text: string, wanted: string): TypeError {
  return new TypeError(`${place} must be ${wanted}, not ${JSON.stringify(text)}`);
}

/** Whether a rule that allows covers what is asked for: where there are several ways to read a path, in each of them. */
export function covers(rule: ReadRule, question: Question): boolean {
  return holds(rule, question, "all");
}

/** Whether a rule that denies covers it: in any way to read it. */
export function coversAny(rule: ReadRule, question: Question): boolean {
  return holds(rule, question, "any");
}

function holds(rule: ReadRule, question: Question, readings: "all" | "any"): boolean {
  const { host, port } = question;
  return coversPlace(rule, host, port) && coversIdentity(rule, question) && coversMessage(rule, question, readings);
}

/** Whether methods and paths of a rule cover what is asked for: in each way to read a path, or in any. */
export function coversMessage({ methods, paths }: ReadRule, question: Question, readings: "all" | "any"): boolean {
  const { kind, method, path, intercepted } = question;
  if (kind === "tunnel") {
    // Whether the requests inside may pass is asked for each of them.
    return (methods === null && paths === null) || (intercepted && readings === "all");
  }
  if (methods !== null && !methods.has(method)) return false;
  return paths === null || coversPath(paths, path ?? "/", readings);
}

// Loops, as each tunnel is asked about at each rule several times, and each time a function would be made.

function coversPlace({ hosts }: ReadRule, host: Host, port: number): boolean {
  for (const pattern of hosts) {
    if (includesPort(pattern.ports, port) && coversHost(pattern, host)) return true;
  }
  return false;
}

/** Whether a rule that allows names an address for what is asked for, by itself or in a network; `*` does not. */
export function allowsAddress(rule: ReadRule, address: IpAddress, question: Question): boolean {
  return namesAddress(rule, address, question) && coversMessage(rule, question, "all");
}

/** The same of a rule that denies. */
export function deniesAddress(rule: ReadRule, address: IpAddress, question: Question): boolean {
  return namesAddress(rule, address, question) && coversMessage(rule, question, "any");
}

function namesAddress(rule: ReadRule, address: IpAddress, question: Question): boolean {
  if (!coversIdentity(rule, question)) return false;
  for (const { host, ports } of rule.hosts) {
    if (host.type !== "network" || !inNetwork(address, host.network)) continue;
    if (includesPort(ports, question.port)) return true;
  }
  return false;
}

/** Whether what a rule says of an address depends on the method or the path of a request. */
export function looksAtMessages({ hosts, methods, paths }: ReadRule): boolean {
  return (methods !== null || paths !== null) && hosts.some(({ host }) => host.type === "network");
}

/** Whether a rule lets hosts lead to this address. */
export function includesAddress({ classes, networks }: AddressSet, address: IpAddress): boolean {
  return classes.has(addressClass(address)) || networks.some((network) => inNetwork(address, network));
}

function coversIdentity({ identities }: ReadRule, { identity }: Question): boolean {
  return identities === null || (identity !== null && identities.has(identity));
}

function includesPort(ports: HostPattern["ports"], port: number): boolean {
  if (ports === null) return true;
  for (const { from, to } of ports) {
    if (from <= port && port <= to) return true;
  }
  return false;
}

function coversHost({ host: pattern }: HostPattern, host: Host): boolean {
  switch (pattern.type) {
    case "any":
      return true;
    case "name":
      return host.type === "name" && host.name === pattern.name;
    case "below":
      return host.type === "name" && (host.name.endsWith(pattern.suffix) || host.name === pattern.itself);
    case "network":
      return host.type === "address" && inNetwork(host.address, pattern.network);
    default:
      return pattern satisfies never;
  }
}
