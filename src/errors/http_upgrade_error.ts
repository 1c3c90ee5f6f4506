/**
 * The one shape of what this package throws of its own. Each error is a class in a file beside this one; they share no
 * base class, since `code` tells them apart, also when two copies of the package are loaded.
 *
 * @module
 */

/**
 * What every error of this package has: `ProtocolError`, `StateError`, `TransportError`, `UnsentError`, `UpgradeRejected`
 * and `WebSocketProtocolError`. Check `name` and `code` rather than `instanceof`. Wrong arguments are no such error but a
 * `TypeError` or a `RangeError`, and what an `AbortSignal` gives up with is its `reason`.
 */
export interface HttpUpgradeError extends Error {
  /** The name of the class. */
  readonly name: string;
  /** What happened, as a word of lower-case letters and hyphens; each class has a union of its own. */
  readonly code: string;
  /** The clause that was broken, for example `RFC 9112 §6.3`; missing or `undefined` where none was. */
  readonly rfc?: string | undefined;
}
