/**
 * How many bytes a transport has carried. The sockets of this package count them, and an `Upgraded` passes on what those
 * have counted; `server.stats()` and `trace` ask for them. Internal: nothing here is exported from the package.
 *
 * @module
 */

/** A transport that counts. Bytes are those above TLS. */
export interface Traffic {
  /** What has come, whether it was read or not. */
  readonly receivedBytes: number;
  /** What was given to it to be sent. */
  readonly sentBytes: number;
}

const UNKNOWN: Traffic = { receivedBytes: 0, sentBytes: 0 };

/** What a transport has counted until the moment when its fields are read; nothing, if it does not count. */
export function trafficOf(io: object): Traffic {
  return typeof (io as Partial<Traffic>).receivedBytes === "number" ? io as Traffic : UNKNOWN;
}
