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
  readonly declarations: readonly { readonly kind: string; readonly declarationKind: string }[];
}

/**
 * Sorts the exports of one module.
 *
 * @param json The output of `deno doc --json` for that module.
 */
export function surfaceOf(json: string): Surface {
  const { nodes } = JSON.parse(json) as Documentation;
  const values = new Set<string>();
  const types = new Set<string>();
  for (const { name, declarations } of Object.values(nodes).flatMap(({ symbols }) => symbols)) {
    for (const { kind, declarationKind } of declarations) {
      if (declarationKind !== "export") continue;
      (kind === "interface" || kind === "typeAlias" ? types : values).add(name);
    }
  }
  return { values: [...values].sort(), types: [...types].filter((name) => !values.has(name)).sort() };
}
