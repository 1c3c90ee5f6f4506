/**
 * Wrong arguments, refused where they come in, in the same words on every runtime: a `TypeError` for another type or
 * shape, a `RangeError` for a number that is out of range. Both name the argument.
 *
 * @module
 */

/** What an option may be: one of the kinds that are frequent, or a check that throws. What is `"any"` is not looked at. */
export type Kind =
  | "any"
  | "boolean"
  | "bytes"
  | "function"
  | "number"
  | "object"
  | "signal"
  | "string"
  | "strings"
  | ((value: unknown, name: string) => void);

/** The kind of each option; none can be forgotten. */
export type Kinds<Options> = { readonly [Name in keyof Options]-?: Kind };

/**
 * Refuses options of a wrong type. `undefined` is the same as left out.
 *
 * @param name What the caller knows them as.
 * @throws {TypeError} They are no object, or one of them is of another kind.
 * @throws {RangeError} A number is below 0 or none.
 */
export function checkOptions<Options extends object>(options: Options, kinds: Kinds<Options>, name = "options"): void {
  checkObject(options, name);
  for (const key of Object.keys(kinds) as (keyof Options & string)[]) {
    if (kinds[key] !== "any" && options[key] !== undefined) checkKind(options[key], kinds[key], `${name}.${key}`);
  }
}

/** The same for what is given with every request: it costs as much as was given, and not as much as could be. */
export function checkGiven<Options extends object>(options: Options, kinds: Kinds<Options>, name: string): void {
  checkObject(options, name);
  for (const key in options) {
    // An options object may have a "constructor" or "valueOf" that can be enumerated; those of `kinds` are no kinds.
    if (!Object.hasOwn(kinds, key)) continue;
    const kind = kinds[key];
    if (kind === "any") continue;
    const value = options[key];
    if (value !== undefined) checkKind(value, kind, `${name}.${key}`);
  }
}

/** Refuses a value of another kind. */
export function checkKind(value: unknown, kind: Kind, name: string): void {
  if (typeof kind === "function") return kind(value, name);
  switch (kind) {
    case "any":
      return;
    case "boolean":
      if (typeof value !== "boolean") throw wrongType(name, "a boolean", value);
      return;
    case "bytes":
      return checkBytes(value, name);
    case "function":
      return checkFunction(value, name);
    case "number":
      return checkNumber(value, name);
    case "object":
      return checkObject(value, name);
    case "signal":
      return checkSignal(value, name);
    case "string":
      return checkString(value, name);
    case "strings":
      return checkStrings(value, name);
    default:
      return kind satisfies never;
  }
}

/** Whether it is a Uint8Array: Buffers and other subclasses are, also those of another realm; other views are not. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || Object.prototype.toString.call(value) === "[object Uint8Array]";
}

/** Refuses what is no Uint8Array; see {@linkcode isBytes}. */
export function checkBytes(value: unknown, name: string): void {
  if (!isBytes(value)) throw wrongType(name, "a Uint8Array", value);
}

/** Refuses memory that other threads can change meanwhile, and views of it. */
export function checkNotShared(value: unknown, name: string): void {
  const memory = ArrayBuffer.isView(value) ? value.buffer : value;
  if (typeof memory !== "object" || memory instanceof ArrayBuffer) return;
  if (Object.prototype.toString.call(memory) === "[object SharedArrayBuffer]") {
    throw wrongType(name, "in memory that is not shared", value);
  }
}

/** Refuses what cannot be called. */
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw wrongType(name, "a function", value);
}

/** Refuses what has no properties. A function is not meant where an object is. */
export function checkObject(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null) throw wrongType(name, "an object", value);
}

/** Refuses what is no text. */
export function checkString(value: unknown, name: string): void {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
}

/** Refuses what is no list of texts. */
export function checkStrings(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw wrongType(name, "an array of strings", value);
  for (const [index, element] of value.entries()) checkString(element, `${name}[${index}]`);
}

/** Refuses what is no size, number or time. `Infinity` is one. */
export function checkNumber(value: unknown, name: string): void {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (!(value >= 0)) throw outOfRange(name, "at least 0", value);
}

/** Refuses what would have no effect here, and was meant for something else. */
export function checkLeftOut(value: unknown, name: string, why: string): void {
  if (value !== undefined) throw new TypeError(`${name} must be left out: ${why}`);
}

/** Refuses what is no whole number from `least` to `most`. */
export function checkInteger(value: unknown, name: string, least: number, most: number): void {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(name, `a whole number from ${least} to ${most}`, value);
  }
}

/** Refuses what is none of these texts. */
export function checkOneOf(value: unknown, name: string, texts: readonly string[]): void {
  if (!texts.includes(value as string)) throw wrongType(name, texts.map((text) => `"${text}"`).join(" or "), value);
}

/** Refuses what is no `AbortSignal`: of any realm or polyfill. */
export function checkSignal(value: unknown, name: string): void {
  const signal = value as { aborted?: unknown; addEventListener?: unknown } | null;
  if (typeof signal?.aborted !== "boolean" || typeof signal.addEventListener !== "function") {
    throw wrongType(name, "an AbortSignal", value);
  }
}

/** The error for an argument of another type or shape. */
export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${wanted}, not ${spelled(value)}`);
}

/** The error for a number that is out of range. */
export function outOfRange(name: string, wanted: string, value: number): RangeError {
  return new RangeError(`${name} must be ${wanted}, not ${value}`);
}

/** A value for a message. What a text says is left out: it may be a secret. */
function spelled(value: unknown): string {
  if (typeof value === "string") return value === "" ? "an empty string" : "a string";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {};
  return typeof name === "string" && name !== "" && name !== "Object" ? `an object of ${name}` : "an object";
}
