/**
 * Every number that bounds what a peer can make us hold or read, and what is let pass although the grammar forbids it.
 *
 * @module
 */

import { checkKind, checkNumber, checkObject } from "../../bytes/arguments.ts";

/** Bounds on what one peer may send. All are inclusive: exactly the limit is accepted. */
export interface Http1Limits {
  /** Bytes of a head: start line, fields and line ends. 64 KiB. hyper 408 KiB, Node 16 KiB, nginx 32 KiB. */
  readonly maxHeadBytes: number;
  /** Field lines of a head. 100, as hyper and nginx' default of large clients; Node 2000. */
  readonly maxFields: number;
  /** Bytes of a request-target; more is answered 414. 8 KiB, the least that RFC 9112 §3 recommends. */
  readonly maxTargetBytes: number;
  /** Bytes of a method; more is answered 501. 32: the longest registered one has 17. */
  readonly maxMethodBytes: number;
  /** Empty lines that are skipped before a request line (RFC 9112 §2.2); see `emptyLineBeforeResponse`. 1. */
  readonly maxLeadingEmptyLines: number;
  /** Bytes of all chunk extensions of one body. 4 KiB. hyper 16 KiB. */
  readonly maxChunkExtensionBytes: number;
  /** Bytes of a trailer section. 16 KiB, as hyper. */
  readonly maxTrailerBytes: number;
  /** Field lines of a trailer section. 100. */
  readonly maxTrailers: number;
  /** Informational responses before a final one. 16; curl 32. */
  readonly maxInformational: number;
}

/** The limits when nothing else is said. */
export const DEFAULT_LIMITS: Http1Limits = {
  maxHeadBytes: 65_536,
  maxFields: 100,
  maxTargetBytes: 8192,
  maxMethodBytes: 32,
  maxLeadingEmptyLines: 1,
  maxChunkExtensionBytes: 4096,
  maxTrailerBytes: 16_384,
  maxTrailers: 100,
  maxInformational: 16,
};

/** What `limitsOf()` has made: each connection gives it to its machine. */
const complete: WeakSet<object> = new WeakSet();

/**
 * Fills in the limits that are not given.
 *
 * @throws {TypeError} One of them is no number.
 * @throws {RangeError} One of them is below 0 or NaN; `Infinity` switches a bound off.
 */
export function limitsOf(given: Partial<Http1Limits> = {}): Http1Limits {
  checkObject(given, "limits");
  if (complete.has(given)) return given as Http1Limits;
  const limits: { -readonly [Name in keyof Http1Limits]: number } = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as (keyof Http1Limits)[]) {
    const limit = given[name];
    if (limit === undefined) continue;
    checkNumber(limit, `limits.${name}`);
    limits[name] = limit;
  }
  complete.add(limits);
  return limits;
}

/** What is accepted although the grammar forbids it. Everything is off unless named. */
export interface Leniency {
  /** A lone LF ends a line (RFC 9112 §2.2 allows it, and two readers may then disagree about where a line ends). */
  readonly bareLf?: boolean;
  /** White space between a field name and its colon, in responses (RFC 9112 §5.1). */
  readonly spaceBeforeColon?: boolean;
  /** Folded field lines in heads of responses; folds become one space (RFC 9112 §5.2). */
  readonly obsoleteFold?: boolean;
  /** Field lines that break the grammar are skipped; NUL and a lone CR never are. */
  readonly invalidFields?: boolean;
  /** Several spaces between the parts of a start line (RFC 9112 §3). */
  readonly multipleSpaces?: boolean;
  /** Empty lines before a response, as many as `maxLeadingEmptyLines` (RFC 9112 §4 knows none). */
  readonly emptyLineBeforeResponse?: boolean;
  /** White space between the size of a chunk and the end of its line (RFC 9112 §7.1). */
  readonly spaceBehindChunkSize?: boolean;
  /** Chunk extensions that break the grammar are skipped; control characters never are (RFC 9112 §7.1.1). */
  readonly invalidChunkExtensions?: boolean;
  /** A request without `Host`, or with several; the first one counts (RFC 9112 §3.2 demands 400). */
  readonly anyHost?: boolean;
  /** A request with Content-Length and Transfer-Encoding; the latter counts and the connection closes after it. */
  readonly lengthWithChunked?: boolean;
  /** A CONNECT request that announces a body; the body is read before the tunnel begins. */
  readonly connectContent?: boolean;
  /** `Upgrade` counts without `Connection: upgrade` (RFC 9110 §7.8 demands it). */
  readonly upgradeWithoutConnection?: boolean;
  /** A 101 that was not asked for, or that names no offered protocol, hands over nevertheless. */
  readonly unaskedUpgrade?: boolean;
  /** After a refused CONNECT the connection may go on (RFC 9931 demands that it closes). */
  readonly keepAfterRefusedConnect?: boolean;
}

/** Refuses what are no leniencies: each is on or off. */
export function checkLeniency(value: unknown, name: string): void {
  checkObject(value, name);
  for (const [key, on] of Object.entries(value as Leniency)) {
    if (on !== undefined) checkKind(on, "boolean", `${name}.${key}`);
  }
}

/** What hyper accepts, where that is safe when no intermediary stands in front. */
export const HYPER_LENIENCY: Leniency = {
  bareLf: true,
  emptyLineBeforeResponse: true,
  spaceBehindChunkSize: true,
  invalidChunkExtensions: true,
  anyHost: true,
  lengthWithChunked: true,
  connectContent: true,
  upgradeWithoutConnection: true,
  unaskedUpgrade: true,
  keepAfterRefusedConnect: true,
};
