/**
 * The field `Sec-WebSocket-Extensions` (RFC 6455 §9.1), read and written.
 *
 * @module
 */

import { checkObject, checkString, wrongType } from "../../bytes/arguments.ts";

/** An extension, offered or agreed on. */
export interface Extension {
  /** A registered name, case-sensitive. */
  readonly name: string;
  /** The parameters in their order; `true` for one without a value. */
  readonly parameters: readonly (readonly [name: string, value: string | true])[];
}

const TCHAR = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
/** A parameter; a quoted value must be a token as well once it is unquoted. */
const PARAMETER = new RegExp(
  `[ \\t]*;[ \\t]*(${TCHAR}+)(?:[ \\t]*=[ \\t]*(?:(${TCHAR}+)|"((?:\\\\?${TCHAR})+)"))?`,
  "y",
);
const NAME = new RegExp(`[ \\t,]*(${TCHAR}+)`, "y");
const SEPARATOR = /[ \t]*(?:,[ \t,]*|$)/y;

/**
 * Reads the field.
 *
 * @param value All lines, joined by commas.
 * @returns The extensions in their order, or `null` if the value is malformed.
 */
export function readExtensions(value: string): Extension[] | null {
  checkString(value, "value");
  const extensions: Extension[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(value);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  if (/^[ \t,]*$/.test(value)) return extensions;
  while (at < value.length) {
    const name = match(NAME)?.[1];
    if (name === undefined) return null;
    const parameters: [string, string | true][] = [];
    for (let found = match(PARAMETER); found !== null; found = match(PARAMETER)) {
      parameters.push([found[1]!, found[2] ?? found[3]?.replaceAll("\\", "") ?? true]);
    }
    if (match(SEPARATOR) === null) return null;
    extensions.push({ name, parameters });
  }
  return extensions;
}

/** Writes an extension. */
export function writeExtension(extension: Extension): string {
  checkObject(extension, "extension");
  const { name, parameters } = extension;
  checkString(name, "extension.name");
  if (!Array.isArray(parameters)) throw wrongType("extension.parameters", "an array of pairs", parameters);
  return [name, ...parameters.map(([key, value]) => value === true ? key : `${key}=${value}`)].join("; ");
}
