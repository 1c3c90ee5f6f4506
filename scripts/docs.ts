/**
 * Writes the API reference as HTML: `deno task docs`. Starts at `docs/index.html`.
 *
 * @module
 */

import { exportsOf, projectRoot } from "./testing/project.ts";

const modules = Object.values(await exportsOf());
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--html", "--name=http-upgrade", "--output=docs", ...modules],
  cwd: projectRoot,
}).spawn().status;
Deno.exit(code);
