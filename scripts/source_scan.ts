/**
 * Reads a TypeScript source as far as needed to know its imports and its names: comments are dropped, strings set
 * aside. Runs on every runtime.
 *
 * @module
 */

/** A source without comments and strings. */
export interface Scan {
  /**
   * The code; comments are blanks, a string is its index in {@linkcode Scan.strings} between quotes, a text part of a
   * template between backquotes.
   */
  readonly code: string;
  /** The strings, as written. The text parts of templates are among them. */
  readonly strings: readonly string[];
  /** What is imported or re-exported, types and dynamic imports included, in the order of the source. */
  readonly imports: readonly string[];
}

/** After one of these (of six characters at most) a slash begins a regular expression, else it divides. */
const beforeExpression = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete|throw|do|else))\s*$/;

/** One thing that is not code; the first group of a string or template is its text. */
const opaque = {
  lineComment: /\/\/[^\n]*/y,
  blockComment: /\/\*[\s\S]*?\*\//y,
  string: /"((?:[^"\\\n]|\\[\s\S])*)"|'((?:[^'\\\n]|\\[\s\S])*)'/y,
  regExp: /\/(?![/*])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y,
  templatePart: /((?:[^`\\$]|\\[\s\S]|\$(?!\{))*)(`|\$\{)/y,
};

/** Scans a source. */
export function scan(source: string): Scan {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  /** For each template we are inside of: how many braces are open in its current `${}`. */
  const braces: number[] = [];

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  const keepString = (text: string, quote = '"') => {
    code += ` ${quote}${strings.push(text) - 1}${quote} `;
  };
  const takeTemplatePart = () => {
    const [, text = "", end] = take(opaque.templatePart) ?? [];
    keepString(text, "`");
    if (end === "${") braces.push(0);
  };

  while (at < source.length) {
    const char = source[at]!;
    if (char === "/" && (take(opaque.lineComment) ?? take(opaque.blockComment)) !== null) {
      code += " ";
    } else if (char === "/" && beforeExpression.test(code.trimEnd().slice(-12)) && take(opaque.regExp) !== null) {
      keepString("");
    } else if (char === '"' || char === "'") {
      const match = take(opaque.string);
      if (match === null) at++;
      else keepString(match[1] ?? match[2] ?? "");
    } else if (char === "`") {
      at++;
      takeTemplatePart();
    } else if (char === "}" && braces.at(-1) === 0) {
      at++;
      braces.pop();
      takeTemplatePart();
    } else {
      if (braces.length > 0 && (char === "{" || char === "}")) braces[braces.length - 1]! += char === "{" ? 1 : -1;
      code += char;
      at++;
    }
  }
  // In `${from} to` it is the name of a variable: only what is called may be a template.
  const specifiers = code.matchAll(/\b(?:from|import)\s*"(\d+)"|\bimport\s*\(\s*["`](\d+)["`]/g);
  return { code, strings, imports: Array.from(specifiers, ([, fixed, called]) => strings[Number(fixed ?? called)]!) };
}
