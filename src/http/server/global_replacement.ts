/**
 * A property of the global object that is another one for as long as a server asks for it: `global_response.ts` and
 * `global_request.ts` have some.
 *
 * @module
 */

/** Something in place of what the platform has. */
export class Replacement<Name extends keyof typeof globalThis> {
  readonly #name: Name;
  readonly #value: (typeof globalThis)[Name];
  #uses = 0;
  #before: PropertyDescriptor | undefined;

  /** Puts nothing in place yet. */
  constructor(name: Name, value: (typeof globalThis)[Name]) {
    this.#name = name;
    this.#value = value;
  }

  /**
   * Puts it in place, until each caller has called what it got. If something else has taken its place meanwhile, that stays.
   *
   * @returns Ends it.
   */
  use(): () => void {
    if (this.#uses++ === 0) {
      this.#before = Object.getOwnPropertyDescriptor(globalThis, this.#name);
      const enumerable = this.#before?.enumerable ?? false;
      Object.defineProperty(globalThis, this.#name, {
        value: this.#value,
        writable: true,
        configurable: true,
        enumerable,
      });
    }
    return () => {
      if (--this.#uses === 0 && globalThis[this.#name] === this.#value) {
        Object.defineProperty(globalThis, this.#name, this.#before!);
      }
    };
  }
}
