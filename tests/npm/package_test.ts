import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { linksIn } from "../../scripts/npm/documents.ts";
import { scan } from "../../scripts/source_scan.ts";
import { leastVersions } from "../../scripts/testing/least_versions.ts";
import { projectFile } from "../support/runtime.ts";
import { artefact, documents, installed, manifest, tool } from "./artefact.ts";

const project = JSON.parse(readFileSync(projectFile("deno.json"), "utf8"));
const files = readdirSync(installed, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => /\.\w+$|LICENSE$/.test(path));
const modules = files.filter((path) => path.endsWith(".js"));

function read(path: string): string {
  return readFileSync(join(installed, path), "utf8");
}

/** The modules that an entry point loads, those that it may load later included, and what else they import. */
function graphOf(entry: string): { modules: string[]; others: string[] } {
  const seen = new Set<string>([join(installed, entry)]);
  const others = new Set<string>();
  for (const path of seen) {
    for (const specifier of scan(readFileSync(path, "utf8")).imports) {
      if (specifier.startsWith(".")) seen.add(resolve(dirname(path), specifier));
      else others.add(specifier);
    }
  }
  return { modules: [...seen].map((path) => relative(installed, path)), others: [...others] };
}

test("package.json says what npm and provenance need", () => {
  const { name, version, license, type, sideEffects, engines, repository, description, keywords } = manifest;
  assertEquals([name, version, license, type], ["http-upgrade", project.version, project.license, "module"]);
  assertEquals([sideEffects, engines], [false, { node: `>=${leastVersions.node}` }]);
  assertEquals((repository as { url: string }).url, "git+https://github.com/http-upgrade/http-upgrade.git");
  assert((description as string).length > 20 && (keywords as string[]).includes("upgrade"));
});

test("package.json has no dependencies and runs nothing when it is installed", () => {
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "devDependencies", "scripts"]) {
    assertEquals(manifest[field], undefined, field);
  }
});

test("package.json exports what deno.json exports, with types", () => {
  assertEquals(Object.keys(manifest.exports), Object.keys(project.exports));
  for (const { types, default: module } of Object.values(manifest.exports)) {
    assertEquals([existsSync(join(installed, types)), existsSync(join(installed, module))], [true, true], module);
  }
});

test("the package holds modules, declarations, maps and documents, and nothing else", () => {
  const others = files.filter((path) => !/^esm\/.+(?:\.js|\.js\.map|\.d\.ts)$/.test(path)).sort();
  assertEquals(others, ["LICENSE", "package.json", ...documents.keys()].toSorted());
});

test("imports lead to files of the package or to node:, by their whole names", () => {
  for (const path of files.filter((path) => /\.(?:js|d\.ts)$/.test(path))) {
    for (const specifier of scan(read(path)).imports) {
      const target = join(installed, dirname(path), specifier);
      const found = specifier.startsWith("node:") ||
        /^\..*\.js$/.test(specifier) && existsSync(path.endsWith(".js") ? target : target.replace(/\.js$/, ".d.ts"));
      assert(found, `${path} imports ${specifier}`);
    }
  }
});

test("maps hold the sources and tell nothing of the machine that built them", () => {
  for (const path of modules) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    assertMatch(read(path), new RegExp(`//# sourceMappingURL=${name.replaceAll(".", "\\.")}\\.map\\s*$`));
    const { sources, sourcesContent } = JSON.parse(read(`${path}.map`));
    const source = path.replace(/^esm\//, "src/").replace(/\.js$/, ".ts");
    assertEquals(sources.map((from: string) => join(dirname(path), from).replaceAll("\\", "/")), [source]);
    assert(sourcesContent[0].length > 0, path);
  }
});

test("every relative link of a document leads to a file of the package", () => {
  const links = [...documents].flatMap(([path, text]) => linksIn(path, text).map(({ target }) => target));
  assert(links.length > 20);
  assertEquals(links.filter((target) => !existsSync(join(installed, target))), []);
});

test("documents and declarations import the package by its name on npm", () => {
  for (const path of files.filter((path) => /\.(?:d\.ts|md)$/.test(path))) {
    assert(!read(path).includes('from "@http-upgrade/http-upgrade'), path);
  }
  assertMatch(read("README.md"), /from "http-upgrade"/);
});

for (const [entry, { default: module }] of Object.entries(manifest.exports)) {
  if (!["./http1", "./websocket"].includes(entry)) continue;
  test(`${entry} imports nothing of node: and no sockets, now or later`, () => {
    const { modules, others } = graphOf(module);
    assertEquals(others, []);
    assertEquals(modules.filter((path) => /_(?:adapter|transport|socket)\.js$/.test(path)), []);
    assert(modules.length > 3);
  });
}

test("publint finds nothing", async () => {
  const { code, stdout, stderr } = await tool("publint/src/cli.js", ["run", artefact.package, "--strict"]);
  assertEquals(code, 0, `${stdout}${stderr}`);
});

test("arethetypeswrong finds nothing that concerns ES modules", async () => {
  const args = ["--profile", "esm-only", artefact.tarball];
  const { code, stdout, stderr } = await tool("@arethetypeswrong/cli/dist/index.js", args);
  assertEquals(code, 0, `${stdout}${stderr}`);
});
