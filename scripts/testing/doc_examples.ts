/**
 * The examples in doc comments, as test files. `deno test --doc` plays the same ones and loads the library anew for each of
 * them, which takes longer than all of them do; here they share a process, as other tests do.
 *
 * @module
 */

import { exists, exportsOf, filesIn, projectRoot } from "./project.ts";

/** What of a doc comment is code that is played: neither text nor `ts ignore`. */
const example = /^\s*\* ```(?:ts|typescript|js|javascript)[ \t]*\n([\s\S]*?)^\s*\* ```[ \t]*$/gm;

/** The modules whose doc comments have examples. */
export async function modulesWithExamples(): Promise<string[]> {
  const modules = [...(await exists("mod.ts") ? ["mod.ts"] : []), ...await filesIn("src", ".ts")];
  const examples = await Promise.all(modules.map(examplesIn));
  return modules.filter((_, index) => examples[index]!.length > 0);
}

/**
 * Writes a test file for each module, in which each example is a test that has the name `deno test --doc` gives it.
 *
 * @param modules From the project's root.
 * @param directory Where to, from the project's root.
 * @returns For each module its test file.
 */
export async function writeExamples(
  modules: readonly string[],
  directory: string,
): Promise<Map<string, { readonly entry: string }>> {
  const entries = new Map<string, { readonly entry: string }>();
  await Deno.mkdir(new URL(directory, projectRoot), { recursive: true });
  for (const module of modules) {
    const stem = `${directory}/${module.replaceAll("/", "_").replace(/\.ts$/, "")}`;
    let tests = "";
    for (const { code, from, to } of await examplesIn(module)) {
      const path = `${stem}_${from}.ts`;
      await Deno.writeTextFile(new URL(path, projectRoot), code);
      const [name, file] = [`${module}#${from}-${to}.ts`, `./${path.split("/").pop()}`];
      tests += `Deno.test(${JSON.stringify(name)}, () => import(${JSON.stringify(file)}).then(() => {}));\n`;
    }
    const entry = `${stem}_test.ts`;
    await Deno.writeTextFile(new URL(entry, projectRoot), tests);
    entries.set(module, { entry });
  }
  return entries;
}

/** The entries by the names that people import them by: what `deno.json` does not say to files outside of the project. */
export async function ownImports(): Promise<Record<string, string>> {
  const { name } = JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot))) as { readonly name: string };
  const entries = Object.entries(await exportsOf());
  return Object.fromEntries(entries.map(([path, module]) => [`${name}${path.slice(1)}`, module]));
}

interface Example {
  readonly code: string;
  /** The lines of the module around it. */
  readonly from: number;
  readonly to: number;
}

async function examplesIn(module: string): Promise<Example[]> {
  const text = await Deno.readTextFile(new URL(module, projectRoot));
  return [...text.matchAll(example)].map(({ 1: lines = "", index }) => {
    const from = text.slice(0, index).split("\n").length;
    return { code: lines.replace(/^\s*\* ?/gm, ""), from, to: from + lines.split("\n").length };
  });
}
