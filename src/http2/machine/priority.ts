/**
 * What a request's priority is: RFC 9218 §4, in the field `priority` and in PRIORITY_UPDATE frames.
 *
 * Its syntax is that of a dictionary (RFC 9651 §3.2). Every character is looked at once.
 *
 * @module
 */

/** How soon a response is wanted. */
export interface Priority {
  /** 0, the first, to 7, the last. */
  readonly urgency: number;
  /** Whether parts of it are useful by themselves, so that it may share the connection with others. */
  readonly incremental: boolean;
}

/** What holds where nothing is said. */
export const DEFAULT_PRIORITY: Priority = { urgency: 3, incremental: false };

/**
 * Reads a priority.
 *
 * @param value The field's value, or the text of a frame; `null` if there is none. What is not understood counts as not said: a
 * member that is unknown, of another type or out of range, and all of what is no dictionary.
 */
export function readPriority(value: string | null): Priority {
  if (value === null || value === "") return DEFAULT_PRIORITY;
  let { urgency, incremental } = DEFAULT_PRIORITY;
  const members = new Dictionary(value);
  while (members.next()) {
    // The last of several counts, even if it is wrong.
    if (members.key === "u") urgency = isUrgency(members.item) ? members.item : DEFAULT_PRIORITY.urgency;
    else if (members.key === "i") incremental = members.item === true;
  }
  return members.broken ? DEFAULT_PRIORITY : { urgency, incremental };
}

function isUrgency(item: unknown): item is number {
  return typeof item === "number" && item >= 0 && item <= 7;
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
/** An integer, but not the beginning of a decimal. */
const INTEGER = /-?[0-9]{1,15}(?![0-9.])/y;
const BOOLEAN = /\?[01]/y;
/** What else an item may be: a decimal, a string, a token, bytes, a date, a text. */
const OTHER = new RegExp(
  [
    /-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9.])/,
    /"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/,
    /[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*/,
    /:[A-Za-z0-9+/=]*:/,
    /@-?[0-9]{1,15}(?![0-9.])/,
    /%"(?:[\x20-\x21\x23-\x24\x26-\x7e]|%[0-9a-f]{2})*"/,
  ].map(({ source }) => source).join("|"),
  "y",
);
const SPACES = / */y;
const OWS = /[ \t]*/y;

/** An integer, a boolean, or `null` for all that no member of a priority is. */
type Item = number | boolean | null;

/** Reads the members of a dictionary one after the other (RFC 9651 §4.2.2). */
class Dictionary {
  key = "";
  item: Item = null;
  /** Whether the text is none. */
  broken = false;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#take(SPACES);
  }

  /** Reads the next member; `false` behind the last one, or if there cannot be one. */
  next(): boolean {
    if (this.broken || this.#at === this.#text.length) return false;
    const key = this.#take(KEY);
    if (key === null || !this.#readMember() || !this.#readParameters() || !this.#readSeparator()) {
      this.broken = true;
      return false;
    }
    this.key = key;
    return true;
  }

  #readMember(): boolean {
    this.item = true;
    if (!this.#skip("=")) return true;
    return this.#skip("(") ? this.#readInnerList() : this.#readItem();
  }

  #readInnerList(): boolean {
    for (;;) {
      const spaces = this.#take(SPACES);
      if (this.#skip(")")) break;
      const before = this.#text[this.#at - 1];
      if (spaces === "" && before !== "(") return false;
      if (!this.#readItem() || !this.#readParameters()) return false;
    }
    this.item = null;
    return true;
  }

  #readItem(): boolean {
    const integer = this.#take(INTEGER);
    if (integer !== null) {
      this.item = Number(integer) + 0; // no -0
      return true;
    }
    const boolean = this.#take(BOOLEAN);
    if (boolean !== null) {
      this.item = boolean === "?1";
      return true;
    }
    this.item = null;
    return this.#take(OTHER) !== null;
  }

  /** Parameters say nothing about a priority, but have to be well formed. */
  #readParameters(): boolean {
    const { item } = this;
    while (this.#skip(";")) {
      this.#take(SPACES);
      if (this.#take(KEY) === null || (this.#skip("=") && !this.#readItem())) return false;
    }
    this.item = item;
    return true;
  }

  /** A comma that another member follows, or the end. */
  #readSeparator(): boolean {
    this.#take(OWS);
    if (this.#at === this.#text.length) return true;
    if (!this.#skip(",")) return false;
    this.#take(OWS);
    return this.#at < this.#text.length;
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }
}
