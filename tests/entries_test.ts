import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { valuesAsTypes } from "../scripts/surface.ts";
import { projectFile, runtimeName, skipUnless, spawn } from "./support/runtime.ts";

const { exports } = JSON.parse(readFileSync(projectFile("deno.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string>>;
};
const denoOnly = skipUnless(runtimeName === "deno", "permissions and `deno info` are Deno's");

/** Said one by one, since Deno's `spawn()` hands its own permissions on to a Deno that it starts. */
const nothingAllowed = ["net", "read", "write", "env", "run", "sys", "ffi"].map((what) => `--deny-${what}`);

/** Of what `deno info --json` says. */
interface Graph {
  readonly modules: readonly { readonly specifier: string; readonly kind?: string }[];
}

for (const [entry, module] of Object.entries(exports)) {
  test(`${entry} says in its module doc what it is, with an example`, () => {
    const [doc = ""] = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(projectFile(module), "utf8")) ?? [];
    assertMatch(doc, /^ \* @module$/m);
    assertMatch(doc, /^ \* @example/m);
    assertMatch(doc, /^ \* ```ts(?: ignore)?$/m); // the one for Bun cannot run on Deno
  });

  test(`${entry} can be imported without any permission`, denoOnly, async () => {
    const stdin = `import ${JSON.stringify(pathToFileURL(projectFile(module)).href)};\nconsole.log("ok");`;
    const args = ["run", "--no-prompt", ...nothingAllowed, "--no-check", "--ext=ts", "-"];
    assertEquals(await spawn(process.execPath, args, { stdin }), { code: 0, stdout: "ok\n", stderr: "" });
  });
}

for (const [entry, module] of Object.entries(exports)) {
  test(`${entry} exports no class, function or constant as a type only`, denoOnly, async () => {
    const { code, stdout, stderr } = await spawn(process.execPath, ["doc", "--json", projectFile(module)]);
    assertEquals(code, 0, stderr);
    assertEquals(valuesAsTypes(stdout, await import(pathToFileURL(projectFile(module)).href)), []);
  });
}

test("an export of a class as a type only is found", denoOnly, async () => {
  const source = projectFile("tests/support/type_only_class.ts");
  const { stdout } = await spawn(process.execPath, ["doc", "--json", source]);
  assertEquals(valuesAsTypes(stdout, await import(pathToFileURL(source).href)), ["Fields"]);
});

test("the main entry has 30 values at most", async () => {
  assert(Object.keys(await import("../mod.ts")).length <= 30);
});

const portable: Readonly<Record<string, string>> = {
  "./http1": exports["./http1"]!,
  "./websocket": exports["./websocket"]!,
  "tunnel() of ./proxy": "src/proxy/tunnel.ts",
};

for (const [what, module] of Object.entries(portable)) {
  test(`${what} imports nothing of node:, now or later`, denoOnly, async () => {
    const { stdout } = await spawn(process.execPath, ["info", "--json", projectFile(module)]);
    const { modules } = JSON.parse(stdout) as Graph;
    assert(modules.length > 3);
    assertEquals(modules.filter(({ specifier }) => !specifier.startsWith("file:")), []);
  });
}
