/**
 * Which port a server got.
 *
 * @module
 */

/** Takes it from what the platforms and we call an address. */
export function portOf(address: object | string | null): number {
  if (typeof address !== "object" || address === null || !("port" in address)) throw new Error("This is no TCP server");
  return address.port as number;
}
