/**
 * Builds the npm package with `deno pack`, which needs nothing but Deno, and brings what it emits into the form that
 * dnt has: `esm/` with source maps in files of their own.
 *
 * @module
 */

import { run } from "../testing/process.ts";
import { filesIn, projectRoot } from "../testing/project.ts";

const packTimeoutMs = 120_000;

/** A source map, as far as it is read. */
interface SourceMap {
  readonly sources: readonly string[];
  readonly [field: string]: unknown;
}

/**
 * Emits `esm/`.
 *
 * @param folder Where to, from the project's root: an empty folder.
 * @throws When `deno pack` fails; the message is what it says.
 */
export async function buildWithPack(folder: string): Promise<void> {
  const draft = `${folder}/.pack`;
  await Deno.mkdir(new URL(draft, projectRoot));
  try {
    await succeed(Deno.execPath(), ["pack", "--quiet", "--allow-dirty", `--output=${draft}/package.tgz`]);
    // From the project's root, as `tar` may take `C:` for a host.
    await succeed("tar", ["-xzf", `${draft}/package.tgz`, "-C", draft]);
    for (const path of await filesIn(`${draft}/package`, ".js")) await splitMap(path);
    for (const suffix of [".js", ".js.map", ".d.ts"]) {
      for (const path of await filesIn(`${draft}/package`, suffix)) {
        await move(path, path.replace(`${draft}/package/`, `${folder}/esm/`));
      }
    }
  } finally {
    await Deno.remove(new URL(draft, projectRoot), { recursive: true });
  }
}

/** Takes the map out of a module. Its source has an absolute path, which is nobody's business. */
async function splitMap(path: string): Promise<void> {
  const url = new URL(path, projectRoot);
  const text = await Deno.readTextFile(url);
  const [comment, base64 = ""] = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(text) ?? [""];
  if (comment === "") throw new Error(`${path} has no source map`);
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const map = JSON.parse(new TextDecoder().decode(bytes)) as SourceMap;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const sources = map.sources.map((source) => relativeSource(source));
  await Deno.writeTextFile(new URL(`${path}.map`, projectRoot), JSON.stringify({ ...map, file: name, sources }));
  await Deno.writeTextFile(url, text.slice(0, -comment.length) + `//# sourceMappingURL=${name}.map\n`);
}

/** From `esm/src/http/serve.js` to `src/src/http/serve.ts`, where dnt would put it. */
function relativeSource(source: string): string {
  const inProject = source.slice(projectRoot.href.length);
  return `${"../".repeat(inProject.split("/").length)}src/${inProject}`;
}

async function move(from: string, to: string): Promise<void> {
  const target = new URL(to, projectRoot);
  await Deno.mkdir(new URL(".", target), { recursive: true });
  await Deno.rename(new URL(from, projectRoot), target);
}

async function succeed(command: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(command, args, packTimeoutMs);
  if (code !== 0) throw new Error(`${command} ${args[0]} failed\n${output}`);
}
