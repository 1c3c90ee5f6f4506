/**
 * What a class says that it is, where it stands for one of the platform's: `Object.prototype.toString()`, type checks of libraries
 * and consoles ask (Web IDL, "class string").
 *
 * @module
 */

/**
 * Gives a class the name that objects of the platform's class go by. It can be written, unlike theirs: the constructor of `Event` in
 * Deno 2.1 writes one to each event, and fails where the prototype's cannot be.
 */
export function sayClass({ prototype }: { readonly prototype: object }, name: string): void {
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true, writable: true });
}
