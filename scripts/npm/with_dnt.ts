/**
 * Builds the npm package with dnt, which is on JSR only.
 *
 * @module
 */

import { build } from "@deno/dnt";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../testing/project.ts";
import { manifestOf, type Project } from "./manifest.ts";

/**
 * Emits `esm/`; and `src/`, a package.json and what the type check has installed, which are to be tidied up.
 *
 * No shims: `src/net/` and `src/platform/` ask for `Deno` and `Bun` by themselves, through types of their own, and mean
 * what is there.
 *
 * @param project What `deno.json` says.
 * @param folder Where to, from the project's root.
 * @param tidyUp What is left to do when everything is emitted.
 */
export async function buildWithDnt(project: Project, folder: string, tidyUp: () => Promise<void>): Promise<void> {
  const path = (of: string) => fileURLToPath(new URL(of, projectRoot));
  await build({
    entryPoints: Object.entries(project.exports).map(([name, module]) => ({ name, path: path(module) })),
    outDir: path(folder),
    shims: {},
    test: false,
    typeCheck: "single",
    scriptModule: false,
    compilerOptions: {
      // Before ES2022 private fields become weak maps.
      target: "ES2022",
      lib: ["ESNext", "DOM", "DOM.Iterable"],
      sourceMap: true,
      inlineSources: true,
      noUncheckedIndexedAccess: true,
      useUnknownInCatchVariables: true,
    },
    package: { ...manifestOf(project), devDependencies: { "@types/node": "^24" } },
    postBuild: tidyUp,
  });
}
