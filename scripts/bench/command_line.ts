/**
 * Options of the form `--name` and `--name=value`.
 *
 * @module
 */

/**
 * Reads the arguments of this process.
 *
 * @param known The names that are understood.
 * @returns Values by name; empty where none was given.
 * @throws {TypeError} Anything else is among the arguments.
 */
export function parseOptions(known: readonly string[]): Map<string, string> {
  return new Map(Deno.args.map((argument) => {
    const [, name = "", value = ""] = /^--([a-z]+)(?:=(.*))?$/.exec(argument) ?? [];
    if (!known.includes(name)) {
      throw new TypeError(`Cannot understand ${argument}: it is none of --${known.join(" --")}`);
    }
    return [name, value];
  }));
}
