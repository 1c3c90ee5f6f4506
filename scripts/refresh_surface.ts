/**
 * Writes `tests/surface.json` anew: `deno run -A scripts/refresh_surface.ts`. A name in it is a promise to users.
 *
 * @module
 */

import { surfaceOf } from "./surface.ts";
import { exportsOf, projectRoot } from "./testing/project.ts";

const surfaces: Record<string, unknown> = {};
for (const [subPath, module] of Object.entries(await exportsOf())) {
  const doc = new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", module],
    cwd: projectRoot,
    stderr: "inherit",
  });
  const { success, stdout } = await doc.output();
  if (!success) Deno.exit(1);
  surfaces[subPath] = surfaceOf(new TextDecoder().decode(stdout), await import(new URL(module, projectRoot).href));
}
await Deno.writeTextFile(new URL("tests/surface.json", projectRoot), `${JSON.stringify(surfaces, null, 2)}\n`);
