/**
 * The package.json of the npm package. The version and the entry points are those of `deno.json`.
 *
 * @module
 */

import { leastVersions } from "../testing/least_versions.ts";
import { projectRoot } from "../testing/project.ts";

/** The name on npm. */
export const npmName = "http-upgrade";

/** What is read of `deno.json`. */
export interface Project {
  /** The name on JSR. */
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Modules by sub-path. */
  readonly exports: Readonly<Record<string, string>>;
}

/** A package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** Reads `deno.json`. */
export async function readProject(): Promise<Project> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot))) as Project;
}

/**
 * Writes the package.json.
 *
 * ESM only. The condition is `default` and not `import`, so that `require()` finds the same modules where Node can
 * require ESM (20.19, 22.12 and later).
 *
 * @param project What `deno.json` says.
 */
export function manifestOf({ version, license, exports }: Project): Manifest {
  const repository = "https://github.com/http-upgrade/http-upgrade";
  const entries = Object.entries(exports).map(([name, path]) => [name, entryFiles(path)] as const);
  const [[, main]] = entries as [(typeof entries)[0]];
  return {
    name: npmName,
    version,
    description: "HTTP/1.1 and HTTP/2 connections you can take over: Upgrade, CONNECT and WebSocket, on web streams",
    keywords: [
      "http",
      "http1",
      "upgrade",
      "connect",
      "websocket",
      "tunnel",
      "proxy",
      "web-streams",
      "hijack",
      "switching-protocols",
      "deno",
      "bun",
      "node",
    ],
    homepage: `${repository}#readme`,
    bugs: { url: `${repository}/issues` },
    repository: { type: "git", url: `git+${repository}.git` },
    license,
    type: "module",
    sideEffects: false,
    engines: { node: `>=${leastVersions.node}` },
    main: main.default,
    types: main.types,
    exports: Object.fromEntries(entries),
    files: ["esm", "scripts", "src", "*.md"],
  };
}

/** `./src/proxy/mod.ts` is built to `./esm/src/proxy/mod.js`. */
function entryFiles(module: string): { readonly types: string; readonly default: string } {
  const path = module.replace(/^\.\//, "./esm/").replace(/\.ts$/, "");
  return { types: `${path}.d.ts`, default: `${path}.js` };
}
