/**
 * What a client keeps in mind of the servers at the end of its routes, so that it does not ask them again. `Connections` and
 * `opener.ts` have one for each thing that they learn.
 *
 * @module
 */

/** How many routes are remembered. */
const MAX_KNOWN_ROUTES = 256;

/** Routes of which something is known. */
export class KnownRoutes {
  readonly #keys: Set<string> = new Set();

  /** Whether it is known of this one. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** It is known of this one. */
  add(key: string): void {
    if (this.#keys.size === MAX_KNOWN_ROUTES) this.#keys.clear();
    this.#keys.add(key);
  }

  /** It does not hold for this one any more. */
  delete(key: string): void {
    this.#keys.delete(key);
  }
}
