/**
 * What is left to do when the modules are emitted, the same for both ways of building.
 *
 * @module
 */

import { exists, filesIn, projectRoot } from "../testing/project.ts";
import { publishedDocuments, withoutOutwardLinks } from "./documents.ts";
import type { Manifest, Project } from "./manifest.ts";

/** What dnt leaves behind and the package does not need. */
const leftovers = [".npmignore", "esm/package.json", "node_modules", "package-lock.json", "src"];

/**
 * Writes the package.json, copies the documents, and adapts texts to npm.
 *
 * @param project What `deno.json` says.
 * @param manifest The package.json.
 * @param folder The package, from the project's root.
 */
export async function tidyUp(project: Project, manifest: Manifest, folder: string): Promise<void> {
  const root = new URL(`${folder}/`, projectRoot);
  for (const name of leftovers) {
    if (await exists(`${folder}/${name}`)) await Deno.remove(new URL(name, root), { recursive: true });
  }
  for (const path of await filesIn(`${folder}/esm`, ".d.ts.map")) await Deno.remove(new URL(path, projectRoot));
  await Deno.copyFile(new URL("LICENSE", projectRoot), new URL("LICENSE", root));
  await writeDocuments(project, manifest, root);
  await Deno.writeTextFile(new URL("package.json", root), JSON.stringify(manifest, null, 2) + "\n");
  for (const path of await filesIn(`${folder}/esm`, ".d.ts")) {
    await edit(path, (text) => withLibrary(withoutMap(underName(text, project.name, manifest.name))));
  }
}

async function writeDocuments(project: Project, manifest: Manifest, root: URL): Promise<void> {
  const read = (path: string): string => Deno.readTextFileSync(new URL(path, projectRoot));
  const documents = publishedDocuments(read);
  for (const path of documents) {
    const text = withoutOutwardLinks(path, read(path), documents);
    await Deno.mkdir(new URL(".", new URL(path, root)), { recursive: true });
    await Deno.writeTextFile(new URL(path, root), underName(text, project.name, manifest.name));
  }
}

/** Examples import the package by its name, which is another one on npm. */
function underName(text: string, from: string, to: string): string {
  return text.replaceAll(`from "${from}`, `from "${to}`);
}

/** The maps of declarations lead to sources that are not in the package. */
function withoutMap(declarations: string): string {
  return declarations.replace(/^\/\/# sourceMappingURL=.*\n?/m, "");
}

/** Types of the DOM that `@types/node` does not declare, by what is in both. */
const inNodeTypes: Readonly<Record<string, string>> = {
  AddEventListenerOptions: 'Exclude<Parameters<EventTarget["addEventListener"]>[2], boolean | undefined>',
  EventListenerOrEventListenerObject: 'Parameters<EventTarget["addEventListener"]>[1]',
  HeadersInit: "NonNullable<ConstructorParameters<typeof Headers>[0]>",
};

/**
 * A declaration file does not depend on the user's `lib`: up to ES2024 there is no `AsyncDisposable` in it, and people who
 * write for Node alone have no DOM.
 */
function withLibrary(declarations: string): string {
  const reference = '/// <reference lib="esnext.disposable" />\n';
  const needed = /\bAsyncDisposable\b|\bSymbol\.(?:asyncDispose|dispose)\b/.test(declarations);
  const replaced = Object.entries(inNodeTypes).reduce(
    (text, [name, type]) => text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), type),
    declarations,
  );
  return needed && !replaced.includes(reference.trim()) ? reference + replaced : replaced;
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const url = new URL(path, projectRoot);
  await Deno.writeTextFile(url, change(await Deno.readTextFile(url)));
}
