/**
 * The names that an entry point exports, read from what `deno doc --json` says of it.
 *
 * @module
 */

/** Sorted names. */
export interface Surface {
  /** Classes, functions, constants: what is there at run time. */
  readonly values: readonly string[];
  /** Interfaces and other types. */
  readonly types: readonly string[];
}

interface Documentation {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly DocumentedSymbol[] }>>;
}

interface DocumentedSymbol {
  readonly name: string;
  readonly declarations: readonly { readonly declarationKind: string; readonly kind: string }[];
}

/**
 * The names that a module exports as types only although they are classes, functions or constants: they compile as
 * values, and are a SyntaxError when they are imported.
 *
 * @param json The output of `deno doc --json` for that module.
 * @param module The module itself.
 */
export function valuesAsTypes(json: string, module: object): string[] {
  const { nodes } = JSON.parse(json) as Documentation;
  return Object.values(nodes).flatMap(({ symbols }) => symbols)
    .filter(({ name, declarations }) => {
      const exported = declarations.filter(({ declarationKind }) => declarationKind === "export");
      return !(name in module) && exported.some(({ kind }) => kind !== "interface" && kind !== "typeAlias");
    })
    .map(({ name }) => name).sort();
}

/**
 * Sorts the exports of one module. A class that is exported as a type only is a type.
 *
 * @param json The output of `deno doc --json` for that module.
 * @param module The module itself.
 */
export function surfaceOf(json: string, module: object): Surface {
  const { nodes } = JSON.parse(json) as Documentation;
  const values = Object.keys(module).sort();
  const types = new Set<string>();
  for (const { name, declarations } of Object.values(nodes).flatMap(({ symbols }) => symbols)) {
    const exported = declarations.some(({ declarationKind }) => declarationKind === "export");
    if (exported && !values.includes(name)) types.add(name);
  }
  return { values, types: [...types].sort() };
}
