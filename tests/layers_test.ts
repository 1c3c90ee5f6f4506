import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { checkLayers } from "../scripts/check_layers.ts";
import { projectFile } from "./support/runtime.ts";

function sources(): Map<string, string> {
  const paths = readdirSync(projectFile("src"), { recursive: true, encoding: "utf8" })
    .map((path) => `src/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts"))
    .sort();
  if (existsSync(projectFile("mod.ts"))) paths.push("mod.ts");
  return new Map(paths.map((path) => [path, readFileSync(projectFile(path), "utf8")]));
}

function check(files: Record<string, string>): string[] {
  return checkLayers(new Map(Object.entries(files)));
}

test("src/ keeps to the rings: imports point down, platforms stay in ring 2, ring 0 never waits", () => {
  const files = sources();
  assert(files.size > 10);
  assertEquals(checkLayers(files), []);
});

test("checkLayers() refuses an import upwards, types and dynamic imports included", () => {
  assertEquals(
    check({
      "src/bytes/a.ts": 'import type { B } from "../http1/machine/b.ts";',
      "src/http1/machine/b.ts": 'export interface B { c: import("../../duplex/c.ts").C }',
      "src/duplex/c.ts": 'export { D } from "../http1/d.ts";\nimport "../errors/state_error.ts";',
      "src/http1/d.ts": 'export const d = () => import("../net/e.ts");',
      "src/net/e.ts": 'import * as mod from "../../mod.ts";',
      "src/errors/state_error.ts": "",
      "mod.ts": "",
    }),
    [
      "src/bytes/a.ts must not import src/http1/machine/b.ts",
      "src/http1/machine/b.ts must not import src/duplex/c.ts",
      "src/duplex/c.ts must not import src/http1/d.ts",
      "src/http1/d.ts must not import src/net/e.ts",
      "src/net/e.ts must not import mod.ts",
    ],
  );
});

test("checkLayers() takes a protocol's machine for a room of its own", () => {
  assertEquals(
    check({
      "src/http1/machine/a.ts": 'import "../b.ts";',
      "src/http1/b.ts": 'import "./machine/a.ts";\nimport "../websocket/machine/c.ts";',
      "src/websocket/machine/c.ts": "",
      "src/http/server/d.ts": 'import "../client/e.ts";',
      "src/http/client/e.ts": "",
    }),
    [
      "src/http1/machine/a.ts must not import src/http1/b.ts",
      "src/http1/b.ts must not import src/websocket/machine/c.ts",
      "cycle: src/http1/machine/a.ts → src/http1/b.ts → src/http1/machine/a.ts",
    ],
  );
});

test("checkLayers() lets imports point down", () => {
  const problems = check({
    "src/bytes/a.ts": "",
    "src/http1/machine/b.ts": 'import { a } from "../../bytes/a.ts";',
    "src/duplex/d.ts": "",
    "src/http1/c.ts": 'import "./machine/b.ts";\nimport { d } from "../duplex/d.ts";',
    "src/net/node/mod.ts": 'import net from "node:net";\nimport { d } from "../../duplex/d.ts";\nprocess.exit();',
    "mod.ts": 'export { c } from "./src/http1/c.ts";',
  });
  assertEquals(problems, []);
});

test("checkLayers() lets only the doors lead from ring 1 to ring 2", () => {
  const door = (up: string) => `export { connect } from "${up}net/mod.ts";`;
  assertEquals(
    check({ "src/http/platform.ts": door("../"), "src/http/server/serve.ts": door("../../"), "src/net/mod.ts": "" }),
    ["src/http/server/serve.ts must not import src/net/mod.ts"],
  );
});

test("checkLayers() refuses packages, folders it does not know and files that are not there", () => {
  assertEquals(
    check({
      "src/http/a.ts": 'import net from "node:net";\nimport { b } from "b";',
      "src/net/c.ts": 'import ws from "npm:ws";\nimport "./gone.ts";',
      "src/misc/d.ts": "",
    }),
    [
      "src/http/a.ts must not import the package node:net",
      "src/http/a.ts must not import the package b",
      "src/http/a.ts must not know node:net",
      "src/net/c.ts must not import the package npm:ws",
      "src/net/c.ts imports src/net/gone.ts, which does not exist",
      "src/misc/ belongs to no ring",
    ],
  );
});

test("checkLayers() finds cycles", () => {
  assertEquals(
    check({
      "src/bytes/a.ts": 'import "./b.ts";',
      "src/bytes/b.ts": 'import type { C } from "./c.ts";',
      "src/bytes/c.ts": 'import "./b.ts";',
    }),
    ["cycle: src/bytes/b.ts → src/bytes/c.ts → src/bytes/b.ts"],
  );
});

for (
  const [code, name] of [
    ["Deno.connect({ port: 1 });", "Deno"],
    ["const { Bun } = globalThis;", "Bun"],
    ["globalThis.process.exit();", "globalThis.process"],
    ["new Uint8Array(Buffer.from([]));", "Buffer"],
    ["const net = require(`net`);", "require"],
    ["`${Deno.pid}`;", "Deno"],
    ['if ("Deno" in globalThis) connect();', "Deno"],
  ] as const
) {
  test(`checkLayers() refuses a platform outside ring 2: ${code}`, () => {
    assertEquals(check({ "src/http/a.ts": code }), [`src/http/a.ts must not know ${name}`]);
    assertEquals(check({ "src/net/a.ts": code }), []);
  });
}

for (const code of ["async () => {};", "for await (const a of b);", "new Promise(() => {});", "setTimeout(f, 1);"]) {
  test(`checkLayers() refuses to wait in ring 0: ${code}`, () => {
    assertEquals(check({ "src/http1/machine/a.ts": code }).length, 1);
    assertEquals(check({ "src/duplex/a.ts": code }), []);
  });
}

test("checkLayers() looks at code only, not at comments, strings, templates and regular expressions", () => {
  const code = [
    "/** ```ts",
    ' * import { x } from "npm:x";',
    " * await Deno.connect();",
    " * ``` */",
    '// import "node:net"; await 1;',
    'const text = "await Deno // \\" Bun";',
    "const template = `await ${text} Deno.x ${{ a: `Bun /*` }.a} process`;",
    "const moved = `${from} to ${to} ${import.meta}`;",
    "const pattern = /[/*\"'`]Deno/.test(text) && 4 / 2 / 1;",
    "const member = message.process + socket.Buffer;",
  ].join("\n");
  assertEquals(check({ "src/http1/machine/a.ts": code }), []);
  assertEquals(check({ "src/http1/machine/a.ts": `${code}\nDeno;` }), ["src/http1/machine/a.ts must not know Deno"]);
});
