/**
 * What `scripts/npm/with_dnt.ts` uses of `@deno/dnt`, for the type check where JSR cannot be reached. As dnt 0.42
 * declares it; the check against dnt itself is the one with JSR.
 *
 * @module
 */

/** An entry point and its name in `exports`. */
export interface EntryPoint {
  /** What it is for. Default `"export"`. */
  kind?: "bin" | "export";
  /** The sub-path: `.` or `./name`. */
  name: string;
  /** The module. */
  path: string;
}

/** A standard or platform library of TypeScript, of those that are asked for. */
export type LibName = "ES2022" | "ES2023" | "ESNext" | "ESNext.Disposable" | "DOM" | "DOM.Iterable";

/** Of the options of `build()` those that have long been there. */
export interface BuildOptions {
  /** The modules to build. */
  entryPoints: (string | EntryPoint)[];
  /** Where to. */
  outDir: string;
  /** Packages to put in the place of globals. */
  shims: { readonly deno?: boolean | "dev" };
  /** Whether to build and run the tests. Default true. */
  test?: boolean;
  /** What to check. Default `"single"`. */
  typeCheck?: "both" | "single" | false;
  /** Whether to emit CommonJS too. Default `"cjs"`. */
  scriptModule?: "cjs" | "umd" | false;
  /** Options of TypeScript. */
  compilerOptions?: {
    /** The language to emit. Default `"ES2021"`, which has no private fields. */
    target?: "ES2021" | "ES2022" | "ES2023" | "Latest";
    /** What is there at run time. */
    lib?: LibName[];
    /** Whether to emit maps, in files of their own. */
    sourceMap?: "inline" | boolean;
    /** Whether maps contain the sources. */
    inlineSources?: boolean;
    /** Whether elements may be missing. Default false. */
    noUncheckedIndexedAccess?: boolean;
    /** Whether what is caught is `unknown`. Default false. */
    useUnknownInCatchVariables?: boolean;
  };
  /** The package.json. */
  package: {
    /** The name on npm. */
    name: string;
    /** The version. */
    version: string;
    /** One line. */
    description?: string;
    /** What to search for. */
    keywords?: string[];
    /** Where to read more. */
    homepage?: string;
    /** Where to report. */
    bugs?: { url?: string; email?: string } | string;
    /** By its SPDX name. */
    license?: string;
    /** The entry point for CommonJS. */
    main?: string;
    /** Its declarations. */
    types?: string;
    /** Where the source is. */
    repository?: string | { type: string; url: string; directory?: string };
    /** What it runs on. */
    engines?: { [name: string]: string };
    /** Packages that the type check needs. */
    devDependencies?: { [name: string]: string };
    // deno-lint-ignore no-explicit-any
    [field: string]: any;
  };
  /** Specifiers to replace. */
  mappings?: { [specifier: string]: string | { name: string; version?: string; subPath?: string } };
  /** Called when everything is emitted. */
  postBuild?: () => void | Promise<void>;
}

/** Throws: this is not dnt. */
export function build(_options: BuildOptions): Promise<void> {
  return Promise.reject(new Error("This stands in for @deno/dnt and builds nothing"));
}
